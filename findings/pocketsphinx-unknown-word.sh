#!/usr/bin/env bash
# Guess: a word of a menu that the recogniser's dictionary lacks leaves out the sentences with that word; the
#   rest of the grammar is heard as before. Capital letters make no difference.
# What happens: one unknown word and pocketsphinx 0.8+5prealpha does not start: it ends with status 1 and hears
#   nothing at all. "macchiato" and "litres" are unknown to its English dictionary; so is "Coffee", as the
#   dictionary is lower-case and the look-up exact. A line with the pronunciation of the word, added to a copy
#   of the dictionary, brings everything back.
# Why it matters here: the grammar is made from the menu, so a store that adds one dish would switch off
#   ordering by voice, and the British "litres" the fuel phrases. When a menu is checked, each word is
#   lower-cased and looked up; a word without a pronunciation stays out of the grammar and is named with its
#   line, and what it names is ordered by typing, or by a pronunciation that the menu's file gives.
# Packages: pocketsphinx, pocketsphinx-en-us 0.8+5prealpha+1-15, espeak-ng 1.51+dfsg-10+deb12u2 (Debian 12)
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
"${apt[@]}" update >apt.log 2>&1 || true # Whether the packages can be had is what counts.
"${apt[@]}" -y --no-install-recommends --reinstall --download-only install \
    pocketsphinx=0.8+5prealpha+1-15 pocketsphinx-en-us=0.8+5prealpha+1-15 libpocketsphinx3=0.8+5prealpha+1-15 \
    espeak-ng=1.51+dfsg-10+deb12u2 espeak-ng-data=1.51+dfsg-10+deb12u2 libespeak-ng1=1.51+dfsg-10+deb12u2 >>apt.log 2>&1 ||
  { echo "cannot fetch pocketsphinx and espeak-ng:" >&2; tail -n 5 apt.log >&2; exit 2; }
for deb in archives/*.deb; do dpkg -x "$deb" root; done
libraries=$(find "$work/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH=$libraries PATH=$work/root/usr/bin:$PATH
model=$work/root/usr/share/pocketsphinx/model/en-us
voices=$(find "$work/root/usr/lib" -type d -name espeak-ng-data -printf '%h\n' -quit)

timeout 60 espeak-ng --path="$voices" -v en-us -s 130 -w said.wav "one coffee" 2>err ||
  { echo "espeak-ng did not run:" >&2; head -n 3 err >&2; exit 2; }
cp "$model/cmudict-en-us.dict" plain.dict
{ cat plain.dict; echo 'macchiato M AA K IY AA T OW'; } >more.dict

hear() { # hear WHAT DICTIONARY RULE: recognises the sentence with a grammar of one rule
  local what=$1 dictionary=$2 rule=$3 status=0
  printf '#JSGF V1.0;\ngrammar menu;\npublic <order> = %s;\n' "$rule" >menu.jsgf
  timeout 120 pocketsphinx_continuous -infile said.wav -samprate 22050 -nfft 1024 -hmm "$model/en-us" \
    -dict "$dictionary" -jsgf menu.jsgf >out 2>err || status=$?
  local missing
  missing=$(sed -n "s/.*The word '\(.*\)' is missing in the dictionary.*/\1/p" err | head -n 1)
  echo "$what | heard '$(tr -d '\n' <out)' | status $status | missing '$missing'"
}
{
  hear 'known words' plain.dict '(one | two) (coffee | tea)'
  hear 'and macchiato' plain.dict '(one | two) (coffee | tea | macchiato)'
  hear 'and a rule about litres' plain.dict '(one | two) (coffee | tea) | thirty litres'
  hear 'coffee with a capital' plain.dict '(one | two) (Coffee | tea)'
  hear 'and macchiato, with its pronunciation' more.dict '(one | two) (coffee | tea | macchiato)'
} >seen.txt
cat seen.txt

cat >expected.txt <<'TXT'
known words | heard 'one coffee' | status 0 | missing ''
and macchiato | heard '' | status 1 | missing 'macchiato'
and a rule about litres | heard '' | status 1 | missing 'litres'
coffee with a capital | heard '' | status 1 | missing 'Coffee'
and macchiato, with its pronunciation | heard 'one coffee' | status 0 | missing ''
TXT
diff -u expected.txt seen.txt || { echo "changed: what is heard is not what was written down" >&2; exit 1; }
echo "as written down: one unknown word and nothing is heard"
