// A charge point by ocpp-rpc, which a test drives by lines of JSON on standard input:
//
//   {"do":"connect"}                       connects, and comes back by itself when dropped
//   {"do":"call","id":N,"method":M,"params":P}
//   {"do":"deaf"}                          reads nothing any more
//   {"do":"drop"}                          ends the connection without a word
//   {"do":"close"}                         ends it in order, for good
//   {"do":"raw","text":T}                  sends a frame as it stands
//
// It says what happens, one object a line: open, dropped, closed, asked, result, error. It
// answers "Accepted" to whatever it is asked. Strict mode holds every answer of
// the other side to the schemas of OCPP 1.6.
const { RPCClient } = require('ocpp-rpc');

const [endpoint, identity, password] = process.argv.slice(2);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const client = new RPCClient({
  endpoint, identity, password, protocols: ['ocpp1.6'], strictMode: true, callTimeoutMs: 30000,
  backoff: { initialDelay: 20, maxDelay: 100 },
});
client.on('open', () => say({ what: 'open' }));
client.on('disconnect', () => say({ what: 'dropped' }));
client.on('close', () => say({ what: 'closed' }));
client.on('strictValidationFailure', ({ error }) => say({ what: 'invalid', text: String(error) }));
client.handle(({ method, params }) => {
  say({ what: 'asked', method, params });
  return { status: 'Accepted' };
});

const follow = async (line) => {
  switch (line.do) {
    case 'connect':
      return client.connect().catch((e) => say({ what: 'refused', text: e.message }));
    case 'call':
      return client.call(line.method, line.params).then(
        (result) => say({ what: 'result', id: line.id, result }),
        (e) => say({ what: 'error', id: line.id, code: e.rpcErrorCode || '', text: e.message }),
      );
    case 'deaf':
      return client._ws.pause();
    case 'drop':
      client._ws.terminate();
      return client._ws.resume(); // what is paused does not notice its end
    case 'raw':
      return client.sendRaw(line.text);
    case 'close':
      return client.close();
    default:
      throw new Error(`what is ${line.do}?`);
  }
};

require('readline').createInterface({ input: process.stdin })
  .on('line', (line) => { follow(JSON.parse(line)); })
  .on('close', () => process.exit(0));
