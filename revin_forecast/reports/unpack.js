// Reads the compressed parts of a page: base64 of gzip in the text of an element.
(() => {
  "use strict";

  // Returns whether this browser can decompress. If not, hides the charts and shows the page's sentence about it.
  globalThis.canUnpack = () => {
    const isAble = "DecompressionStream" in globalThis;
    document.getElementById("undrawn").hidden = isAble;
    if (!isAble) for (const part of document.querySelectorAll(".chart, .chart-control")) part.hidden = true;
    return isAble;
  };

  globalThis.unpack = (element) => {
    const text = atob(element.textContent);
    const bytes = new Uint8Array(text.length);
    for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };

  // Runs the embedded plotly.js. A page that links the script instead has loaded it already.
  globalThis.loadPlotly = async () => {
    const packed = document.getElementById("plotly");
    if (!packed) return;
    const script = document.createElement("script");
    script.textContent = await unpack(packed);
    document.head.append(script);
  };
})();
