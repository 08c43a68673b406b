// The default weights of Sphinx, with pages of evidence last: their tables name everything.
var Scorer = {
  score: ([page, title, anchor, description, score]) =>
    page.startsWith("benchmarks/") ? score / 10 : score,
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
