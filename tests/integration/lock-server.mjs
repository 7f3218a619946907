// A state backend for terraform's `http` type, with locks: `node lock-server.mjs PORT`. State and lock are in memory.
import http from 'node:http';

let state = null;
let lock = null;
http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    const answer = (code, text = '') => response.writeHead(code).end(text);
    if (request.url !== '/state') return answer(lock === null ? 404 : 200, lock ?? '');  // /lock, for the test
    switch (request.method) {
      case 'GET':
        return state === null ? answer(404) : answer(200, state);
      case 'POST':
        state = body;
        return answer(200);
      case 'LOCK':
        if (lock !== null) return answer(423, lock);
        lock = body;
        return answer(200);
      case 'UNLOCK':
        lock = null;
        return answer(200);
    }
    answer(405);
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
