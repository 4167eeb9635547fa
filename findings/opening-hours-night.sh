#!/usr/bin/env bash
# Guess: with "Fr 22:00-02:00; Sa 10:00-18:00" a place is open on Saturday at 01:00, because that hour
#   belongs to Friday's evening, and Saturday's own hours begin later.
# What happens: opening_hours (npm) 3.15.0 answers closed. A rule after ";" that applies to a day takes the
#   whole day from midnight, and with it the end of the night before. With "," in place of ";" it answers
#   open; "Su off" takes the hours after midnight with either sign. The only trace is an entry in
#   getWarnings(); nothing is thrown.
# Why it matters here: a menu states when a store takes orders. In the notation of OpenStreetMap, a club's
#   Friday night, written as people write it, would refuse orders from midnight on. Hours in a menu belong to
#   the day on which they begin and are kept per opening (day, from, until), not as rules that replace each
#   other; an import of such a string is refused when getWarnings() is not empty.
# Package: opening_hours 3.15.0 (npm)
set -euo pipefail

for tool in node npm; do
  command -v "$tool" >/dev/null || { echo "missing tool: $tool (node 20 or later with npm)" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export npm_config_cache=$work/cache
npm install --prefix "$work" --silent --no-audit --no-fund --ignore-scripts opening_hours@3.15.0 >npm.log 2>&1 ||
  { echo "cannot install opening_hours@3.15.0:" >&2; tail -n 5 npm.log >&2; exit 2; }

cat >ask.cjs <<'JS'
const OpeningHours = require('opening_hours');
const at = (day, hour) => new Date(2026, 5, day, hour, 30); // 5 June 2026 is a Friday
const cases = [
  ['Fr 22:00-02:00', at(6, 1)],
  ['Fr 22:00-02:00; Sa 10:00-18:00', at(5, 23)],
  ['Fr 22:00-02:00; Sa 10:00-18:00', at(6, 1)],
  ['Fr 22:00-02:00, Sa 10:00-18:00', at(6, 1)],
  ['Fr-Sa 18:00-03:00; Su 12:00-20:00', at(6, 1)],
  ['Fr-Sa 18:00-03:00; Su 12:00-20:00', at(7, 1)],
  ['Mo-Sa 18:00-02:00; Su off', at(7, 1)],
  ['Mo-Sa 18:00-02:00, Su off', at(7, 1)],
];
for (const [hours, when] of cases) {
  const parsed = new OpeningHours(hours, null, { locale: 'en' });
  const day = when.toLocaleDateString('en-GB', { weekday: 'short' });
  const state = parsed.getState(when) ? 'open' : 'closed';
  console.log(`${hours} | ${day} ${String(when.getHours()).padStart(2, '0')}:30 | ${state} | warnings ${parsed.getWarnings().length}`);
}
JS
TZ=UTC timeout 60 node ask.cjs >seen.txt
cat seen.txt

cat >expected.txt <<'TXT'
Fr 22:00-02:00 | Sat 01:30 | open | warnings 0
Fr 22:00-02:00; Sa 10:00-18:00 | Fri 23:30 | open | warnings 1
Fr 22:00-02:00; Sa 10:00-18:00 | Sat 01:30 | closed | warnings 1
Fr 22:00-02:00, Sa 10:00-18:00 | Sat 01:30 | open | warnings 0
Fr-Sa 18:00-03:00; Su 12:00-20:00 | Sat 01:30 | open | warnings 1
Fr-Sa 18:00-03:00; Su 12:00-20:00 | Sun 01:30 | closed | warnings 1
Mo-Sa 18:00-02:00; Su off | Sun 01:30 | closed | warnings 1
Mo-Sa 18:00-02:00, Su off | Sun 01:30 | closed | warnings 1
TXT
diff -u expected.txt seen.txt || { echo "changed: the answers are not those written down" >&2; exit 1; }
echo "as written down: the next day's rule ends the night at midnight"
