// Draws the charts of the selected series and offers the forecast for download.
(async () => {
  "use strict";
  const read = (key) => JSON.parse(document.getElementById(`data-${key}`)?.textContent ?? "null");
  const picker = document.getElementById("series");
  const charts = ["fan", "parts", "steps", "left"]
    .map((key) => ({ box: document.getElementById(`chart-${key}`), figures: read(key) }))
    .filter(({ box, figures }) => box && figures?.length);

  const draw = async () => {
    const index = picker ? picker.selectedIndex : 0;
    // The chart of errors by step has a single figure for all series.
    for (const { box, figures } of charts) await drawChart(box, figures[Math.min(index, figures.length - 1)]);
  };
  picker?.addEventListener("change", draw);

  document.getElementById("download")?.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([read("csv")], { type: "text/csv" }));
    link.download = "forecast.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  await draw();
  // A mark for programs that wait for the charts, such as a screenshot.
  document.body.dataset.drawn = "all";
})();
