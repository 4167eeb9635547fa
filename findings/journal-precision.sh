#!/usr/bin/env bash
# Guess: whether an entry of a plain text journal balances depends on that entry alone. A fuelling of
#   30.15 L @ EUR 1.659, paid with EUR 50.02 (exactly 50.01885), is accepted by hledger and ledger, and a
#   separate entry with three decimals changes nothing.
# What happens: hledger 1.25 judges it by the most decimals that EUR has anywhere in the file, also further
#   down: one bank fee of EUR 0.125, or a price line "P ... L EUR 1.659", and the same fuelling "could not
#   balance" by 0.001. ledger 3.3.0 does so only when the fee stands before it, so the order of the entries
#   decides. "commodity EUR 1000.00" helps hledger and not ledger. The total price, "@@ EUR 50.02", balances
#   everywhere.
# Why it matters here: fuel prices have three decimals, so this is every forecourt's export, and a day that
#   was read yesterday is refused today. An export for these tools writes the total of the receipt with "@@",
#   never the price per litre with "@", and no price line beside it; the unit price goes into a comment. A
#   test reads each export behind and before an entry with three decimals.
# Packages: hledger 1.25-2+b5, ledger 3.3.0-3 (Debian 12)
set -euo pipefail

for tool in apt-get dpkg; do
  command -v "$tool" >/dev/null || { echo "missing tool: $tool (Debian 12)" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# The packages are unpacked here and not installed; apt keeps its lists and files here too.
mkdir -p lists/partial cache archives/partial root
apt=(apt-get -qq -o Debug::NoLocking=1 -o APT::Sandbox::User= -o "Dir::State::lists=$work/lists"
  -o "Dir::Cache=$work/cache" -o "Dir::Cache::archives=$work/archives")
"${apt[@]}" update >apt.log 2>&1 || true # Whether the two packages can be had is what counts.
"${apt[@]}" -y --no-install-recommends --reinstall --download-only install \
    hledger=1.25-2+b5 ledger=3.3.0-3 >>apt.log 2>&1 ||
  { echo "cannot fetch hledger=1.25-2+b5 and ledger=3.3.0-3:" >&2; tail -n 5 apt.log >&2; exit 2; }
for deb in archives/*.deb; do dpkg -x "$deb" root; done
libraries=$(find "$work/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH=$libraries PATH=$work/root/usr/bin:$PATH LC_ALL=C.UTF-8 HOME=$work

by_litre='2026-06-01 Station
    Expenses:Diesel    30.15 L @ EUR 1.659
    Assets:Hold        EUR -50.02'
by_total='2026-06-01 Station
    Expenses:Diesel    30.15 L @@ EUR 50.02
    Assets:Hold        EUR -50.02'
fee='2026-06-02 Bank
    Expenses:Fee    EUR 0.125
    Assets:Hold     EUR -0.125'

ask() { # ask WHAT PART...: writes the parts as one journal and asks both programs for a balance
  local what=$1 tool seen=""
  shift
  printf '%s\n\n' "$@" >journal
  for tool in hledger ledger; do
    if timeout 60 "$tool" -f journal balance >out 2>err; then seen+=" | $tool accepts"
    elif grep -qi 'balance' err; then seen+=" | $tool refuses"
    else echo "$tool did not run:" >&2; head -n 3 err >&2; exit 2
    fi
  done
  echo "$what$seen"
}
{
  ask 'price per litre, alone' "$by_litre"
  ask 'price per litre, fee after it' "$by_litre" "$fee"
  ask 'price per litre, fee before it' "$fee" "$by_litre"
  ask 'price per litre, price line before it' 'P 2026-06-01 L EUR 1.659' "$by_litre"
  ask 'price per litre, fee before it, commodity line' 'commodity EUR 1000.00' "$fee" "$by_litre"
  ask 'total price, fee before it' "$fee" "$by_total"
  ask 'total price, fee after it' "$by_total" "$fee"
} >seen.txt
cat seen.txt

cat >expected.txt <<'TXT'
price per litre, alone | hledger accepts | ledger accepts
price per litre, fee after it | hledger refuses | ledger accepts
price per litre, fee before it | hledger refuses | ledger refuses
price per litre, price line before it | hledger refuses | ledger accepts
price per litre, fee before it, commodity line | hledger accepts | ledger refuses
total price, fee before it | hledger accepts | ledger accepts
total price, fee after it | hledger accepts | ledger accepts
TXT
diff -u expected.txt seen.txt || { echo "changed: the verdicts are not those written down" >&2; exit 1; }
echo "as written down: another entry's decimals decide whether a fuelling balances"
