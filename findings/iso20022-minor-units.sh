#!/usr/bin/env bash
# Guess: iso20022.js turns the amounts of a bank statement into minor units by the digits of their currency:
#   12.500 KWD becomes 12500 and 1250 JPY becomes 1250.
# What happens: iso20022.js 0.0.15 (with dinero.js 1.9.1) counts two digits for every currency and multiplies
#   as floating point. Read from camt.053: JPY 1250 is 125000, KRW 50000 is 5000000, KWD 12.500 is 1250, and
#   EUR 19.99 is 1998.9999999999998. Written to pain.001: 1250 yen become 12.5, 50000 won become 500, and
#   12500 fils (12.500 KWD) become 125. No error in either direction.
# Why it matters here: money that leaves or enters the closed loop (payouts to merchants, bank transfers that
#   top up a wallet) meets these two formats, and EUR, JPY, KRW and KWD are all to work. Amounts are parsed
#   from the text of the element with our own table of digits and refused unless they are whole minor units;
#   a test that knows EUR 12.50 alone passes and proves nothing.
# Package: iso20022.js 0.0.15, dinero.js 1.9.1 (npm)
set -euo pipefail

for tool in node npm; do
  command -v "$tool" >/dev/null || { echo "missing tool: $tool (node 20 or later with npm)" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export npm_config_cache=$work/cache
npm install --prefix "$work" --silent --no-audit --no-fund --ignore-scripts iso20022.js@0.0.15 dinero.js@1.9.1 >npm.log 2>&1 ||
  { echo "cannot install iso20022.js@0.0.15:" >&2; tail -n 5 npm.log >&2; exit 2; }

cat >ask.mjs <<'JS'
import { CashManagementEndOfDayReport, ISO20022 } from 'iso20022.js';

const statement = (amount, currency) => `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-06-01T06:00:00Z</CreDtTm></GrpHdr>
<Stmt><Id>S1</Id><CreDtTm>2026-06-01T06:00:00Z</CreDtTm>
<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>${currency}</Ccy><Svcr><FinInstnId><BIC>COBADEFFXXX</BIC></FinInstnId></Svcr></Acct>
<Ntry><Amt Ccy="${currency}">${amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-06-01</Dt></BookgDt>
<BkTxCd><Prtry><Cd>166</Cd></Prtry></BkTxCd></Ntry>
</Stmt></BkToCstmrStmt></Document>`;

for (const [amount, currency] of [['12.50', 'EUR'], ['19.99', 'EUR'], ['1250', 'JPY'], ['50000', 'KRW'], ['12.500', 'KWD']]) {
  const report = CashManagementEndOfDayReport.fromXML(statement(amount, currency));
  console.log(`read ${currency} ${amount} -> ${report.statements[0].entries[0].amount}`);
}

const bank = new ISO20022({
  initiatingParty: {
    name: 'Canteen', id: 'CANTEEN', account: { accountNumber: '123456789012' },
    agent: { bic: 'COBADEFF', bankAddress: { country: 'DE' } },
  },
});
for (const [amount, currency] of [[1250, 'EUR'], [1250, 'JPY'], [50000, 'KRW'], [12500, 'KWD']]) {
  const order = bank.createSWIFTCreditPaymentInitiation([{
    type: 'swift', direction: 'credit', amount, currency,
    creditor: {
      name: 'Merchant', account: { iban: 'DE89370400440532013000' }, agent: { bic: 'DEUTDEFF' },
      address: { streetName: 'Main Street', buildingNumber: '1', townName: 'Town', postalCode: '12345', country: 'DE' },
    },
  }]);
  console.log(`write ${currency} ${amount} -> ${/<InstdAmt[^>]*>([^<]*)</.exec(order.toString())[1]}`);
}
JS
timeout 60 node ask.mjs >seen.txt
cat seen.txt

cat >expected.txt <<'TXT'
read EUR 12.50 -> 1250
read EUR 19.99 -> 1998.9999999999998
read JPY 1250 -> 125000
read KRW 50000 -> 5000000
read KWD 12.500 -> 1250
write EUR 1250 -> 12.5
write JPY 1250 -> 12.5
write KRW 50000 -> 500
write KWD 12500 -> 125
TXT
diff -u expected.txt seen.txt || { echo "changed: the amounts are not those written down" >&2; exit 1; }
echo "as written down: two digits for every currency, and floating point"
