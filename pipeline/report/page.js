"use strict";
/* What the page can do beyond being read: tables sort and are copied, drawings are taken away as SVG and CSV, a cell of
   a confusion matrix names its clips. Nothing is fetched and nothing is sent. */
(() => {
  const every = (selector, root = document) => [...root.querySelectorAll(selector)];

  const make = (tag, facts = {}, ...inner) => {
    const node = Object.assign(document.createElement(tag), facts);
    node.append(...inner);
    return node;
  };

  const save = (name, kind, text) => {
    const link = make("a", { download: name, href: URL.createObjectURL(new Blob([text], { type: kind })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea", { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  const quoted = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  const toCsv = (rows) => rows.map((row) => row.map(quoted).join(",") + "\r\n").join("");

  const button = (text, label, act) => {
    const node = make("button", { type: "button", textContent: text });
    node.setAttribute("aria-label", label);
    node.addEventListener("click", () => act(node));
    return node;
  };

  /* Tables */

  const words = (node) => node.innerText.trim().replace(/\s+/g, " ");

  const grid = (table) => {
    const heads = every("thead tr:last-child th", table).map((cell) => cell.dataset.title);
    return [heads, ...every("tbody tr", table).map((row) => [...row.cells].map(words))];
  };

  const amount = (text) => {
    const found = text.replaceAll(",", "").replaceAll("\u2212", "-").match(/-?\d+(\.\d+)?(e-?\d+)?/);
    return found ? Number(found[0]) : -Infinity;
  };

  const sort = (table, head) => {
    const place = head.cellIndex, down = head.getAttribute("aria-sort") === "ascending";
    const numeric = head.classList.contains("number"), body = table.tBodies[0];
    const compare = (a, b) => (numeric ? amount(a) - amount(b) : a.localeCompare(b, "en", { numeric: true }));
    const rows = [...body.rows].sort((a, b) => compare(words(a.cells[place]), words(b.cells[place])) * (down ? -1 : 1));
    every("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows);
  };

  const called = (figure) => figure.id.replace(/^(table|figure)-/, "");

  const numbered = (figure) => figure.querySelector(".label").textContent.replace(/\.$/, "");

  for (const figure of every("figure.table")) {
    const table = figure.querySelector("table"), groups = every(".groups > *", table);
    const over = groups.flatMap((group) => Array(group.colSpan).fill(group.textContent.trim()));
    every("thead tr:last-child th", table).forEach((head, place) => {
      const title = head.textContent.trim();
      head.dataset.title = over[place] ? `${over[place]}: ${title}` : title;
      if (table.tBodies[0].rows.length < 2) return;
      const act = make("button", { type: "button" }, ...head.childNodes);
      act.addEventListener("click", () => sort(table, head));
      head.append(act);
    });
    figure.append(make("div", { className: "tools" },
      button("Copy", `Copy ${numbered(figure)}`, async (node) => {
        await copy(grid(table).map((row) => row.join("\t")).join("\n"));
        node.textContent = "Copied";
        setTimeout(() => { node.textContent = "Copy"; }, 1500);
      }),
      button("CSV", `Save ${numbered(figure)} as CSV`, () => save(`${called(figure)}.csv`, "text/csv", toCsv(grid(table))))));
  }

  /* Drawings */

  const standalone = (svg) => {
    const style = getComputedStyle(document.documentElement), clone = svg.cloneNode(true);
    const [, , width, height] = clone.getAttribute("viewBox").split(" ");
    clone.setAttribute("width", width);
    clone.setAttribute("height", height);
    clone.setAttribute("style", `font-family:sans-serif;background:${style.getPropertyValue("--paper")}`);
    every("[data-row]", clone).forEach((node) => node.removeAttribute("tabindex"));
    return new XMLSerializer().serializeToString(clone)
      .replace(/var\((--\w+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  };

  const valuesTable = (columns, rows) => {
    const head = make("tr", {}, ...columns.map((title) => make("th", { textContent: title, scope: "col" })));
    const lines = rows.map((row) => make("tr", {}, ...row.map((value) => make("td", { textContent: value ?? "" }))));
    return make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines));
  };

  for (const figure of every("figure.drawing")) {
    const svg = figure.querySelector("svg"), held = figure.querySelector("script.values");
    const values = () => JSON.parse(held.textContent);
    const said = make("div", { className: "said", hidden: true, tabIndex: 0 });
    said.setAttribute("role", "region");
    said.setAttribute("aria-label", `${numbered(figure)}: values`);
    const all = button("Values", `Show the values of ${numbered(figure)}`, () => {
      const open = all.getAttribute("aria-expanded") === "true";
      all.setAttribute("aria-expanded", String(!open));
      said.hidden = open;
      if (!open) {
        const { columns, rows } = values();
        said.replaceChildren(valuesTable(columns, rows));
      }
    });
    all.setAttribute("aria-expanded", "false");
    figure.append(make("div", { className: "tools" },
      button("SVG", `Save ${numbered(figure)} as SVG`, () => save(`${called(figure)}.svg`, "image/svg+xml", standalone(svg))),
      button("CSV", `Save the values of ${numbered(figure)} as CSV`, () => {
        const { columns, rows } = values();
        save(`${called(figure)}.csv`, "text/csv", toCsv([columns, ...rows]));
      }),
      all), said);
    choosable(figure, svg, values, said, all);
  }

  /* A part of a drawing that can be chosen tells its row in full: by pointer, or by arrow keys and Enter. */
  function choosable(figure, svg, values, said, all) {
    const parts = every("[data-row]", svg);
    if (!parts.length) return;
    const tell = (part) => {
      const { columns, rows } = values(), row = rows[Number(part.dataset.row)];
      said.hidden = false;
      all.setAttribute("aria-expanded", "false");
      const list = columns.map((title, place) => make("p", {}, make("strong", { textContent: `${title}: ` }), String(row[place] ?? "")));
      said.replaceChildren(...list);
      figure.dispatchEvent(new CustomEvent("chosen", { detail: Number(part.dataset.row) }));
    };
    parts.forEach((part, place) => {
      part.setAttribute("role", "button");
      part.setAttribute("aria-label", part.querySelector("title").textContent);
      part.setAttribute("tabindex", place ? "-1" : "0");
      part.addEventListener("click", () => tell(part));
      part.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (event.key === "Enter" || event.key === " ") tell(part);
        else if (step) {
          const next = parts[(place + step + parts.length) % parts.length];
          part.setAttribute("tabindex", "-1");
          next.setAttribute("tabindex", "0");
          next.focus();
        } else return;
        event.preventDefault();
      });
    });
  }

  /* A landscape's points take their colours from one of the columns; choosing a value dims all others. */
  const tints = (count) => [...Array(count).keys()].map((place) => `hsl(${(place * 137.508) % 360} 62% ${50 + 8 * (place % 3 - 1)}%)`);

  for (const svg of every("svg[data-colour]")) {
    const figure = svg.closest("figure"), points = every("[data-row]", svg);
    const { columns, rows } = JSON.parse(figure.querySelector("script.values").textContent);
    const own = points.map((point) => point.getAttribute("style"));
    const select = make("select", {}, ...svg.dataset.colour.split(",")
      .filter((name) => new Set(rows.map((row) => row[columns.indexOf(name)])).size > 1 || name === "hit")
      .map((name) => make("option", { value: name, textContent: name === "hit" ? "recognised or not" : name })));
    select.setAttribute("aria-label", `Colour the points of ${numbered(figure)} by`);
    const legend = make("div", { className: "tools legend" });
    select.addEventListener("change", () => {
      const column = columns.indexOf(select.value), of = (point) => rows[Number(point.dataset.row)][column];
      const values = [...new Set(rows.map((row) => row[column]))].sort((a, b) => String(a).localeCompare(String(b), "en", { numeric: true }));
      const colours = new Map(tints(values.length).map((tint, place) => [values[place], tint]));
      let chosen = null;
      const paint = () => points.forEach((point, place) => {
        point.setAttribute("style", select.value === "hit" ? own[place] : `fill:${colours.get(of(point))}`);
        point.setAttribute("opacity", chosen === null || of(point) === chosen ? "1" : "0.12");
      });
      legend.replaceChildren(...(select.value === "hit" ? [] : values.map((value) => {
        const node = button(String(value), `Show ${select.value} ${value} alone`, () => {
          chosen = chosen === value ? null : value;
          every("button", legend).forEach((other) => other.setAttribute("aria-pressed", String(other === node && chosen !== null)));
          paint();
        });
        node.setAttribute("aria-pressed", "false");
        node.prepend(make("span", { className: "swatch", style: `background:${colours.get(value)}` }));
        return node;
      })));
      paint();
    });
    figure.querySelector(".tools").prepend(select);
    figure.querySelector(".tools").after(legend);
  }

  /* Whatever is folded is printed, and a link into it opens it. */
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = every("details:not([open])");
    folded.forEach((node) => { node.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((node) => { node.open = false; }));
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (target) target.scrollIntoView({ behavior: "instant" });
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
