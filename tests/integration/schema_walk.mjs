// What 20-schema.sh needs of the JSON Schema: pipelines made from its keys, and its keys beside those of the page.
//   node schema_walk.mjs valid SCHEMA       a pipeline that has every key of every table, with a value of its type
//   node schema_walk.mjs wrong SCHEMA       one that has every key with values of other types; each such line ends in
//                                           `# wrong`
//   node schema_walk.mjs page SCHEMA PAGE   what is in the schema and not on the page, with its type, or the reverse
import { readFileSync } from "node:fs";

const [mode, schemaFile, pageFile] = process.argv.slice(2);
const schema = JSON.parse(readFileSync(schemaFile, "utf8"));
const fixed = ["include", "pipeline", "vars", "defaults", "pools", "cache"];
const rules = Object.keys(schema.properties).filter((name) => !fixed.includes(name));

function resolve(part) {
  if (!part.$ref) return part;
  return part.$ref.slice(2).split("/").reduce((at, step) => at[step], schema);
}

function keysOf(table) {
  return Object.entries(resolve(table).properties).map(([name, part]) => [name, resolve(part)]);
}

// --- pipelines -----------------------------------------------------------------------------------------------------

// What a table needs besides the key that is looked at, as long as it is not that key itself.
const needed = {
  image: {},
  devcontainer: { template: '"devcontainer.template.json"' },
  terraform: { dir: '"terraform"' },
  go: { kind: '"build"' },
  command: { run: '["true"]' },
};

// Values that must mean something in the workspace of the test. Everything else is made from the type. `@` becomes a
// number of its own, since two nodes have no output in common.
const samples = {
  inputs: ['["go.mod", "!vendor/**"]'],
  outputs: ['["out/@"]', '{ one = "out/@" }'],
  needs: ['["command.first"]'],
  after: ['["command.first"]'],
  "secret-env": ['["B"]'],
  when: ['"${var.word} == \\"x\\""'],
  pool: ['"shared"'],
  timeout: ['"1h30m"', '"250ms"', '"${var.limit}"'],
  cache: ["true", '"local"', "false"],
  dir: ['"."'],
  "terraform.dir": ['"terraform"'],
  "image.target": ['"last"'],
  "image.contexts": ['{ lower = "image.first" }'],
  "image.tags": ['["localhost/@:1"]'],
  "image.platform": ['"linux/amd64"'],
  "image.args": ['{ WORD = "x", COUNT = 1, SHARE = 1.5, SURE = true }'],
  "image.dockerfile": ['"Dockerfile"'],
  "image.context": ['"."'],
  "image.push": ["false"],
  "image.archive": ['"out/@.tar"'],
  "devcontainer.template": ['"devcontainer.template.json"'],
  "devcontainer.config": ['{ name = "x", nested = { list = [1, true] } }'],
  "devcontainer.output": ['"out/@/devcontainer.json"'],
  "terraform.vars": ['{ size = 1, tags = ["a"] }'],
  "terraform.var-files": ['["some.tfvars"]'],
  "terraform.exports": ['["address"]'],
  "go.packages": ['["./..."]'],
};

function isReference(part) {
  return part.pattern === "\\$\\{";
}

function alternatives(part) {
  return part.anyOf ? part.anyOf.map(resolve) : [part];
}

function valuesOf(part) {
  if (part.enum) return part.enum.map((value) => JSON.stringify(value));
  const type = Array.isArray(part.type) ? part.type[0] : part.type;
  if (isReference(part)) return ['"${var.word}"'];
  if (type === "string") return ['"x"'];
  if (type === "integer" || type === "number") return ["1"];
  if (type === "boolean") return ["true", "false"];
  if (type === "array") return [`[${valuesOf(resolve(part.items))[0]}]`];
  const values = part.patternProperties ? Object.values(part.patternProperties)[0] : part.additionalProperties;
  return [typeof values === "object" ? `{ A = ${valuesOf(resolve(values))[0]} }` : "{ A = 1 }"];
}

// Values of the types that the key does not take.
function wrongOf(part) {
  const taken = new Set();
  const wrong = [];
  for (const each of alternatives(part)) {
    if (each.enum) {
      each.enum.forEach((value) => taken.add(typeof value));
      if (!each.enum.includes(true) || each.enum.includes("local")) wrong.push('"no-such-word"');
      if (each.enum.length === 1) wrong.push("true");
    }
    for (const type of [each.type ?? []].flat()) taken.add(type === "integer" ? "number" : type);
    if (each.type === "integer") wrong.push("1.5", "-1");
    if (each.type === "array") wrong.push("[[1]]");
    if (each.pattern && !isReference(each)) wrong.push('"five minutes"', '""');
    const values = each.patternProperties ? Object.values(each.patternProperties)[0] : each.additionalProperties;
    if (each.type === "object" && typeof values === "object") {
      wrong.push(values.type === "string" ? "{ A = 1 }" : "{ A = { B = 1 } }");
    }
  }
  if (!taken.has("string")) wrong.push('"x"');
  if (!taken.has("number")) wrong.push("7", "1.5");
  if (!taken.has("boolean")) wrong.push("true");
  if (!taken.has("array")) wrong.push('["x"]');
  if (!taken.has("object")) wrong.push('{ A = "x" }');
  return wrong;
}

let count = 0;
const lines = [];
function add(...text) {
  lines.push(...text.map((line) => line.replaceAll("@", `n${count}`)));
}

function addNode(rule, key, value, mark) {
  count += 1;
  add(`[${rule}.n${count}]`, `${key} = ${value}${mark}`);
  const own = { ...needed[rule] };
  for (const name of schema.definitions[rule].not?.required ?? []) {
    if (schema.definitions[rule].not.required.includes(key)) delete own[name];
  }
  if (rule === "devcontainer" && key !== "output") own.output = '"out/@/devcontainer.json"';
  for (const [name, given] of Object.entries(own)) if (name !== key) add(`${name} = ${given}`);
}

function nodes(values, mark) {
  for (const rule of rules) {
    for (const [key, part] of keysOf(schema.definitions[rule])) {
      for (const value of values(part, `${rule}.${key}`, key)) addNode(rule, key, value, mark);
    }
  }
}

function valid() {
  add('include = ["more/*.toml"]', "[pipeline]", 'name = "walk"', "version = 1");
  add("[vars]", 'word = "x"', 'limit = "5m"', "number = 5", "truth = true");
  for (const form of schema.properties.vars.patternProperties["^[A-Za-z0-9_-]+$"].anyOf) {
    for (const key of Object.keys(form.properties ?? {})) {
      if (key !== "default") add(`var-${key} = { ${key} = ${key === "git" ? '"tag"' : '"go.mod"'} }`);
      else add('var-default = { env = "NO_SUCH", default = "x" }');
    }
  }
  add("[pools]", "shared = 4", "[cache]", 'dir = "cache"', 'shared = "/mnt/x"', 'mode = "read-write"');
  add('namespace = "pr"', 'sign-key = "key"', 'trusted-keys = ["key.pub"]', "images = true", 'max-size = "20GiB"');
  add("[image.first]", "[command.first]", 'run = ["true"]');
  nodes((part, full, key) => samples[full] ?? samples[key] ??
    alternatives(part).filter((each) => !isReference(each)).flatMap(valuesOf), "");
}

function wrong() {
  nodes((part) => wrongOf(part), " # wrong");
}

// --- the page ------------------------------------------------------------------------------------------------------

function typeOnPage(words) {
  const bare = words.replaceAll("`", "");
  if (words.includes("`")) return bare.split(", ").sort().join(" ");
  if (/^list/.test(bare)) return bare.includes("or table") ? "list or table" : "list";
  if (/^table/.test(bare)) return "table";
  return { path: "string", condition: "string" }[bare] ?? bare;
}

function typeInSchema(part) {
  const parts = alternatives(part).filter((each) => !isReference(each));
  const words = parts.flatMap((each) => each.enum ?? []);
  if (words.length > 0 && part.type !== "integer") return words.map((w) => (w === "local" ? '"local"' : `${w}`)).sort().join(" ");
  const pattern = parts.find((each) => each.pattern)?.pattern;
  if (pattern) return pattern.includes("ms") ? "duration" : "size";
  return parts.map((each) => ({ array: "list", object: "table" }[each.type] ?? each.type)).join(" or ");
}

// "section/key" -> type, for every row of a table of the page.
function pageKeys(text) {
  const found = new Map();
  let section = "";
  for (const line of text.split("\n")) {
    const heading = /^##+ (.*)$/.exec(line);
    if (heading) section = heading[1];
    const form = /^\| `\{ ([a-z]+) = .*\}` \|/.exec(line);
    if (section === "vars" && form) {
      for (const key of line.split("|")[1].matchAll(/([a-z]+) = /g)) found.set(`vars/${key[1]}`, "");
    }
    const row = /^\| `([a-z-]+)` \| ([^|]+) \|/.exec(line);
    const hasKeys = section === "Keys of every node" || schema.properties[section];
    if (row && hasKeys && section !== "vars") found.set(`${section}/${row[1]}`, typeOnPage(row[2].trim()));
  }
  return found;
}

function schemaKeys() {
  const found = new Map();
  const common = Object.keys(schema.definitions.node.properties);
  const put = (section, entries) => entries.forEach(([key, part]) => found.set(`${section}/${key}`, typeInSchema(part)));
  put("Keys of every node", keysOf(schema.definitions.node));
  for (const rule of rules) put(rule, keysOf(schema.definitions[rule]).filter(([key]) => !common.includes(key)));
  for (const name of ["pipeline", "cache"]) put(name, keysOf(schema.properties[name]));
  for (const form of Object.values(schema.properties.vars.patternProperties)[0].anyOf) {
    for (const key of Object.keys(form.properties ?? {})) found.set(`vars/${key}`, "");
  }
  return found;
}

function page() {
  const text = readFileSync(pageFile, "utf8");
  const there = pageKeys(text);
  const here = schemaKeys();
  for (const [key, type] of here) {
    if (!there.has(key)) console.log(`${key}: not on the page`);
    else if (there.get(key) !== type) console.log(`${key}: \`${there.get(key)}\` on the page, \`${type}\` in the schema`);
  }
  for (const key of there.keys()) if (!here.has(key)) console.log(`${key}: not in the schema`);
  for (const name of Object.keys(schema.properties)) {
    if (!new RegExp(`^##+ ${name}$`, "m").test(text)) console.log(`${name}: no section on the page`);
  }
}

if (mode === "valid") valid();
if (mode === "wrong") wrong();
if (mode === "page") page();
if (lines.length > 0) console.log(lines.join("\n"));
