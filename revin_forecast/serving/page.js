// The page of the service: takes a file, asks for its forecast, shows it. Whatever comes from the file is text.
(async () => {
  "use strict";
  const MOST_ROWS = 400;
  const MOST_COLUMNS = 100; // of thousands of series a browser would have millions of cells
  const at = (id) => document.getElementById(id);
  let token = sessionStorage.getItem("token") ?? "";
  let model = null; // what /model says
  let shown = null; // the last answer
  let asking = 0; // which question is the last one
  let sent = null; // its file

  const say = (text, kind = "") => {
    at("state").textContent = text;
    at("state").className = kind;
  };

  const ask = async (path, options = {}) => {
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(path, { ...options, headers }).catch(() => {
      throw new Error("The server does not answer, or the file can't be read. Try again.");
    });
    const body = await answer.json().catch(() => ({ detail: `the server answered ${answer.status}` }));
    if (!answer.ok) throw Object.assign(new Error(body.detail), { status: answer.status });
    return body;
  };

  const few = (names, most = 8) =>
    names.slice(0, most).join(", ") + (names.length > most ? ` and ${names.length - most} more` : "");

  const cell = (tag, text, kind) => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };

  // What may be asked for: two usual intervals at once, any one, none.
  const offer = (levels) => {
    const both = [80, 95].every((level) => levels.includes(level)) ? [[80, 95]] : [];
    const choices = [...both, ...levels.toReversed().map((level) => [level]), []];
    const options = choices.map((choice) => cell("option", choice.length ? `${choice.join(" and ")} %` : "none"));
    options.forEach((option, place) => (option.value = choices[place].join(",")));
    at("level").replaceChildren(...options);
    at("level").disabled = !levels.length;
  };

  const enter = async () => {
    try {
      model = await ask("/model");
      const { series, inputs, future, columns } = model;
      at("about").textContent =
        `${model.horizon} steps of ${series.length} series (${few(series)}), step ${model.step ?? "unknown"}, ` +
        `each forecast from ${model.lookback} rows.`;
      const names = [...Object.values(columns), ...(columns.id ? [] : [...series, ...inputs, ...future])];
      at("wanted").textContent =
        `Columns as the model was fitted on: ${few(names)}; the last ${model.lookback} rows at least, ` +
        `${model.limits.mebibytes} MiB at most.` +
        (future.length ? ` It wants ${few(future)} of the steps ahead, too: only the API takes them.` : "");
      offer(model.levels);
      at("entrance").hidden = true;
      at("desk").hidden = false;
      say("");
    } catch (error) {
      const refused = error.status === 401;
      at("about").textContent = "";
      at("entrance").hidden = !refused;
      at("desk").hidden = true;
      say(refused ? (token ? "That is not the token." : "This service wants a token.") : error.message, "problem");
    }
    document.body.dataset.drawn = "all";
  };

  const fill = ({ columns, forecast }) => {
    const row = (cells) => {
      const made = document.createElement("tr");
      made.append(...cells);
      return made;
    };
    const [names, rows] = [columns.slice(0, MOST_COLUMNS), forecast.slice(0, MOST_ROWS)];
    const numeric = (value) => typeof value === "number";
    const text = (value) => (numeric(value) ? Number(value.toPrecision(6)).toString() : String(value ?? ""));
    const head = document.createElement("thead");
    head.append(row(names.map((name) => cell("th", name, numeric(forecast[0]?.[name]) ? "number" : ""))));
    const body = document.createElement("tbody");
    for (const one of rows) {
      body.append(row(names.map((name) => cell("td", text(one[name]), numeric(one[name]) ? "number" : ""))));
    }
    at("numbers").replaceChildren(head, body);
    const left = [
      ...(rows.length < forecast.length ? [`${rows.length} of ${forecast.length} rows`] : []),
      ...(names.length < columns.length ? [`${names.length} of ${columns.length} columns`] : []),
    ];
    at("listed").hidden = !left.length;
    at("listed").textContent = `The first ${left.join(" and ")}; the download holds all.`;
  };

  const draw = () => {
    const name = shown.names[at("series").selectedIndex];
    return drawChart(at("chart"), shown.figures[name]);
  };

  const forecast = async (file) => {
    const mine = ++asking;
    sent = file;
    at("result").hidden = true;
    if (file && file.size > model.limits.mebibytes * 2 ** 20) {
      say(`The file is too large: ${model.limits.mebibytes} MiB can be sent at once. Send its last rows.`, "problem");
      return;
    }
    say(file ? `Forecasting ${file.name} ...` : "Forecasting ...");
    const levels = at("level").value.split(",").filter(Boolean);
    const query = levels.map((level) => `level=${level}`).join("&");
    try {
      const type = file ? "text/csv" : "application/json"; // {}: after the rows fitted on
      const options = { method: "POST", headers: { "Content-Type": type }, body: file ?? "{}" };
      const answer = await ask(`/chart?${query}`, options);
      if (mine !== asking) return; // another file came meanwhile
      shown = answer;
      at("heading").textContent = file ? `Forecast of ${file.name}` : "Forecast";
      at("series").replaceChildren(...answer.names.map((name) => cell("option", name)));
      at("picking").hidden = answer.names.length < 2;
      const [drawn, all] = [answer.names.length, model.series.length];
      at("drawn").hidden = drawn >= all;
      at("drawn").textContent = `The first ${drawn} of ${all} series; the download holds all.`;
      fill(answer);
      at("result").hidden = false;
      say(`Forecast: ${answer.forecast.length} rows.`);
      await draw();
    } catch (error) {
      if (mine !== asking) return;
      if (error.status === 401) await enter(); // the token is another now
      else say(error.message, "problem");
    }
  };

  at("series").addEventListener("change", draw);
  at("level").addEventListener("change", () => shown && forecast(sent));
  at("newest").addEventListener("click", () => forecast(null));
  at("file").addEventListener("change", () => {
    if (at("file").files.length) forecast(at("file").files[0]);
    at("file").value = ""; // the same file may be chosen again
  });
  at("entrance").addEventListener("submit", (event) => {
    event.preventDefault();
    token = at("token").value;
    sessionStorage.setItem("token", token);
    enter();
  });
  at("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([shown.csv], { type: "text/csv" }));
    link.download = "forecast.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  for (const kind of ["dragover", "dragenter"]) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      at("drop").classList.add("over");
    });
  }
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) at("drop").classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault(); // or the browser leaves the page and opens the file
    at("drop").classList.remove("over");
    if (!at("desk").hidden && event.dataTransfer.files.length) forecast(event.dataTransfer.files[0]);
  });

  await enter();
})();
