// The default weights of Sphinx, with two changes. Pages of evidence and for developers come last:
// they name everything. Pages whose title has every word of the query come first.
const words = (new URLSearchParams(location.search).get("q") || "").toLowerCase().split(/\s+/);
var Scorer = {
  score: ([page, title, anchor, description, score]) => {
    if (/^(benchmarks|developers)\//.test(page)) return score / 10;
    const isNamed = !anchor && words.every((word) => title.toLowerCase().includes(word));
    return isNamed ? score + 20 : score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
