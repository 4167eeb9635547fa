#!/usr/bin/env bash
# Guess: a signed meter record (Open Charge Metering Format) that verifies is handed out with every reading
#   complete: value, unit, quantity and state, as the library's types promise.
# What happens: the format leaves out of a later reading whatever equals the reading before, and
#   @road-labs/ocmf 0.0.9 does not fill it in: of a verified record the end reading has no unit (RU), no
#   quantity (RI) and no state (ST), although its types call RU and ST mandatory. RV comes out as a float:
#   the digits that the meter signed (2948.10) are gone (2948.1).
# Why it matters here: a receipt for charging carries the meter's own signed reading, and the total comes from
#   the end reading. OCPP's rule for a missing unit is Wh; applied here, a meter that went from 2935.60 to
#   2948.10 kWh falls to 2.9 kWh, and a check "the state is good" meets nothing at all. Our own reader fills
#   in what a reading leaves out before any arithmetic, over the signed text, with decimals taken from the
#   digits; a record whose first reading has no unit is held for the attendant.
# Package: @road-labs/ocmf 0.0.9, @road-labs/ocmf-crypto-noble 0.0.9 (npm)
set -euo pipefail

for tool in node npm; do
  command -v "$tool" >/dev/null || { echo "missing tool: $tool (node 20 or later with npm)" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export npm_config_cache=$work/cache
npm install --prefix "$work" --silent --no-audit --no-fund --ignore-scripts \
  @road-labs/ocmf@0.0.9 @road-labs/ocmf-crypto@0.0.9 @road-labs/ocmf-crypto-noble@0.0.9 >npm.log 2>&1 ||
  { echo "cannot install @road-labs/ocmf@0.0.9:" >&2; tail -n 5 npm.log >&2; exit 2; }

cat >ask.cjs <<'JS'
const { createSign, generateKeyPairSync } = require('node:crypto');
const { Verifier } = require('@road-labs/ocmf');
const { Crypto } = require('@road-labs/ocmf-crypto-noble');

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const payload = '{"FV":"1.0","GI":"Depot","GS":"7","PG":"T12","MS":"M9","IS":true,"IT":"NONE","RD":['
  + '{"TM":"2026-06-01T10:00:00,000+0000 S","TX":"B","RV":2935.60,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"},'
  + '{"TM":"2026-06-01T10:30:00,000+0000 S","TX":"E","RV":2948.10}]}';
const signature = createSign('sha256').update(payload).sign(privateKey).toString('hex');
const record = `OCMF|${payload}|{"SA":"ECDSA-secp256r1-SHA256","SD":"${signature}"}`;

(async () => {
  const crypto = new Crypto();
  const key = await crypto.decodeEcPublicKey(publicKey.export({ type: 'spki', format: 'der' }), 'spki-der');
  const { verified, value } = await new Verifier(crypto).parseAndVerify(record, key);
  console.log(`verified ${verified}`);
  for (const r of value.payloadData.RD) {
    console.log(`reading ${r.TX}: value ${r.RV}, unit ${r.RU}, quantity ${r.RI}, state ${r.ST}`);
  }
})();
JS
timeout 60 node ask.cjs >seen.txt
cat seen.txt

cat >expected.txt <<'TXT'
verified true
reading B: value 2935.6, unit kWh, quantity 1-b:1.8.0, state G
reading E: value 2948.1, unit undefined, quantity undefined, state undefined
TXT
diff -u expected.txt seen.txt || { echo "changed: the readings are not those written down" >&2; exit 1; }
echo "as written down: the end reading verifies and has no unit"
