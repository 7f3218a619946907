// An HTTP server that has nothing, and writes down who asked for what: `node listener.mjs PORT FILE [REDIRECT]`. A line
// of FILE is a method, a path and the Authorization header. What is asked below /moved is sent on to REDIRECT.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [port, file, redirect] = process.argv.slice(2);
createServer((request, response) => {
  appendFileSync(file, `${request.method} ${request.url} ${request.headers.authorization ?? '-'}\n`);
  if (redirect && request.url.startsWith('/moved')) {
    response.writeHead(302, { location: redirect + request.url.slice('/moved'.length) });
  } else {
    response.writeHead(404, { 'content-length': 0 });
  }
  request.resume();
  response.end();
}).listen(Number(port), '127.0.0.1');
