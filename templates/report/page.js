"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const grouped = (value) => (value === null || value === undefined ? "" : value.toLocaleString("en-US"));

  // Light or dark.
  at("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    drawTensor();
  });

  // The graph: passes, zoom, nodes.
  const steps = [...document.querySelectorAll(".step")];
  let zoom = 1;
  const applyZoom = () => {
    for (const svg of document.querySelectorAll(".step > svg")) {
      const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
      svg.setAttribute("width", width * zoom);
      svg.setAttribute("height", height * zoom);
    }
  };
  let chosen = null; // the node that the panel tells of
  // The same node in another pass: by its name, else one that comes from the same node of the model.
  const nodeIn = (step, node) => {
    const { nodes } = data.steps[step];
    const found = nodes.findIndex((one) => one.name === node.name);
    return found >= 0 ? found : nodes.findLastIndex((one) => one.origin === node.origin);
  };
  const showStep = (number) => {
    const step = Math.max(0, Math.min(steps.length - 1, number));
    steps.forEach((one, index) => { one.hidden = index !== step; });
    at("step").value = step;
    choose(step, chosen ? nodeIn(step, chosen) : data.steps[step].nodes.length - 1);
  };
  at("step").addEventListener("change", () => showStep(Number(at("step").value)));
  at("step-back").addEventListener("click", () => showStep(Number(at("step").value) - 1));
  at("step-on").addEventListener("click", () => showStep(Number(at("step").value) + 1));
  at("zoom-in").addEventListener("click", () => { zoom = Math.min(4, zoom * 1.25); applyZoom(); });
  at("zoom-out").addEventListener("click", () => { zoom = Math.max(0.1, zoom / 1.25); applyZoom(); });
  at("zoom-all").addEventListener("click", () => {
    const svg = document.querySelector(".step:not([hidden]) > svg");
    if (!svg) return;
    const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    zoom = Math.min(1, (at("drawing").clientWidth - 20) / width, (at("drawing").clientHeight - 20) / height);
    applyZoom();
  });

  const typeText = (type) => {
    const quant = type.scale !== null ? `, scale ${type.scale.toPrecision(6)}, zero point ${type.offset}`
      : type.channels ? `, a scale for each of ${type.channels} channels` : "";
    return `${type.dtype} [${type.shape.join(" × ")}]${quant}`;
  };
  const decibels = (value) => (value === null ? "exact or none" : `${value.toFixed(1)} dB`);
  const stepLink = (index, text, node) => {
    const link = element("button", text, { type: "button", class: "link" });
    link.addEventListener("click", () => { chosen = node; showStep(index); at("node").querySelector("h3").focus(); });
    return link;
  };
  const showNode = (step, node) => {
    const panel = at("node");
    panel.replaceChildren(element("h3", node.kind, { tabindex: -1 }));
    const list = element("dl");
    const fact = (name, ...values) => {
      list.append(element("dt", name));
      for (const value of values) {
        const line = value instanceof Node && value.tagName === "DD" ? value : element("dd");
        if (line !== value) line.append(value);
        list.append(line);
      }
    };
    fact("name", node.name);
    fact("node of the model", nodeIn(0, node) >= 0 ? stepLink(0, node.origin, node) : node.origin);
    const others = data.steps.map((one, index) => index).filter((index) => nodeIn(index, node) >= 0);
    const passes = element("dd");
    for (const index of others) {
      const other = data.steps[index];
      const mark = other.added.includes(node.name) ? " (new)" : other.changed.includes(node.name) ? " (changed)" : "";
      const name = `${other.number} ${other.title}${mark}`;
      passes.append(other === step ? element("strong", name) : stepLink(index, name, node), " · ");
    }
    passes.lastChild.remove();
    fact("in the passes", passes);
    fact("result", typeText(node.type));
    fact("reads", node.inputs.join(", ") || "constants alone");
    if (node.constants.length) fact("constants", ...node.constants.map((one) => `${one.name}: ${typeText(one)}`));
    fact("operator", node.attributes);
    const rules = step.applied.filter((one) => one.nodes.includes(node.name));
    if (rules.length) fact("changed here by", ...rules.map((one) => `${one.rule}: ${one.why}`));
    const layer = data.validation.layers.find((one) => node.outputs.includes(one.value) || one.node === node.origin);
    if (layer) fact("beside float", `${decibels(layer.snr_db)}, ${(100 * layer.share).toFixed(1)} % of the answers' error`);
    const tensor = data.tensors.findIndex((one) => one.node === node.name || node.outputs.includes(one.value));
    if (tensor >= 0) {
      const link = element("dd");
      const anchor = element("a", "show its values", { href: "#tensors" });
      anchor.addEventListener("click", () => { at("tensor").value = tensor; drawTensor(true); });
      link.append(anchor);
      fact("tensor", link);
    }
    data.boards.forEach((board, index) => {
      for (const one of board.layers.filter((row) => row.layer === node.name || row.origin === node.origin)) {
        const line = element("dd");
        const anchor = element("a", one.kernel, { href: "#code" });
        anchor.addEventListener("click", () => showCode(index, one.kernel));
        line.append(anchor, `: ${one.cycles === null ? "not run" : `${grouped(one.cycles)} cycles`}`);
        fact(`on ${board.name}`, line);
      }
    });
    panel.append(list);
  };
  const choose = (step, number) => {
    document.querySelectorAll(".node.chosen").forEach((one) => one.classList.remove("chosen"));
    const node = data.steps[step].nodes[number];
    if (!node) {
      at("node").replaceChildren(element("p", "This pass has no such node."));
      return;
    }
    chosen = node;
    const group = steps[step].querySelector(`.node[data-node="${number}"]`);
    if (group) group.classList.add("chosen");
    showNode(data.steps[step], node);
  };
  document.querySelectorAll(".node[data-node]").forEach((group) => {
    const take = () => choose(Number(group.closest(".step").dataset.step), Number(group.dataset.node));
    group.addEventListener("click", take);
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); take(); }
    });
  });
  showStep(steps.length - 1);

  // Tensors: base64 of little-endian elements.
  const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const half = (bits) => {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  };
  const halves = (text) => {
    const view = new DataView(bytesOf(text).buffer);
    return Float32Array.from({ length: view.byteLength / 2 }, (_, index) => half(view.getUint16(2 * index, true)));
  };
  const integersOf = (tensor) => {
    if (tensor.scale === null) return halves(tensor.integers);
    const view = new DataView(bytesOf(tensor.integers).buffer);
    if (tensor.dtype === "int16") return Float32Array.from({ length: view.byteLength / 2 }, (_, i) => view.getInt16(2 * i, true));
    if (tensor.dtype === "int32") return Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getInt32(4 * i, true));
    return Float32Array.from({ length: view.byteLength }, (_, index) => view.getInt8(index));
  };
  const known = new Map();
  const valuesOf = (number) => {
    if (!known.has(number)) {
      const tensor = data.tensors[number];
      known.set(number, { real: halves(tensor.real), integers: integersOf(tensor) });
    }
    return known.get(number);
  };
  // [height, width, channels] of a value without its batch; a vector has height 1 and one channel.
  const extents = (shape) => {
    const sizes = shape.slice(1);
    if (sizes.length >= 3) {
      const channels = sizes[sizes.length - 1], width = sizes[sizes.length - 2];
      return [sizes.slice(0, -2).reduce((a, b) => a * b, 1), width, channels];
    }
    if (sizes.length === 2) return [sizes[0], sizes[1], 1];
    return [1, sizes.reduce((a, b) => a * b, 1), 1];
  };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const paint = (canvas, values, height, width) => {
    const finite = values.filter(Number.isFinite);
    const low = finite.reduce((a, b) => Math.min(a, b), Infinity), high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
    const context = canvas.getContext("2d");
    if (height === 1) {
      canvas.width = 300; canvas.height = 300;
      context.clearRect(0, 0, 300, 300);
      context.strokeStyle = colour("--accent");
      context.beginPath();
      values.forEach((value, index) => {
        const x = values.length > 1 ? (index / (values.length - 1)) * 290 + 5 : 150;
        const y = 290 - ((value - low) / (high - low || 1)) * 280;
        if (index) context.lineTo(x, y); else context.moveTo(x, y);
      });
      context.stroke();
      return [low, high];
    }
    canvas.width = width; canvas.height = height;
    const image = context.createImageData(width, height);
    values.forEach((value, index) => {
      const grey = Math.round(((value - low) / (high - low || 1)) * 255);
      image.data.set([grey, grey, grey, 255], 4 * index);
    });
    context.putImageData(image, 0, 0);
    return [low, high];
  };
  function drawTensor(reset = false) {
    if (!data.tensors.length) return;
    const number = Number(at("tensor").value), tensor = data.tensors[number], values = valuesOf(number);
    const [height, width, channels] = extents([...tensor.drawn.slice(0, -1), tensor.kept]);
    if (reset || at("channel").options.length !== channels) {
      at("channel").replaceChildren(...Array.from({ length: channels }, (_, index) => element("option", index, { value: index })));
    }
    const sample = Number(at("sample").value), channel = Number(at("channel").value);
    const size = height * width * channels;
    const pick = (array) => Array.from({ length: height * width }, (_, index) => array[sample * size + index * channels + channel]);
    const real = pick(values.real), integers = pick(values.integers);
    const difference = tensor.scale === null ? real.map((value, index) => integers[index] - value)
      : real.map((value, index) => integers[index] - tensor.offset - value / tensor.scale);
    const ranges = [paint(at("real"), real, height, width), paint(at("integers"), integers, height, width), paint(at("difference"), difference, height, width)];
    const left = tensor.kept < tensor.drawn[tensor.drawn.length - 1] ? ` The first ${tensor.kept} of ${tensor.drawn[tensor.drawn.length - 1]} channels are kept.` : "";
    const range = ([low, high]) => `${Number(low.toPrecision(4))} to ${Number(high.toPrecision(4))}`;
    at("tensor-facts").textContent = `${typeText(tensor)}. float ${range(ranges[0])}; integers ${range(ranges[1])}; difference ${range(ranges[2])}.${left}`;
    document.querySelectorAll(".histogram").forEach((one) => { one.hidden = Number(one.dataset.tensor) !== number; });
  }
  if (data.tensors.length) {
    at("tensor").addEventListener("change", () => drawTensor(true));
    for (const id of ["sample", "channel"]) at(id).addEventListener("change", () => drawTensor());
    drawTensor(true);
  }

  // Code: a function's instructions under their lines of C.
  function showCode(board, name) {
    if (at("code-board").querySelector(`option[value="${board}"]`)) at("code-board").value = board;
    fillFunctions(name);
  }
  function fillFunctions(name) {
    const board = data.boards[Number(at("code-board").value)];
    if (!board || !board.profile) return;
    const names = board.profile.listings.map((one) => one.name);
    at("code-function").replaceChildren(...names.map((one) => element("option", one, { value: one })));
    const wanted = names.find((one) => one === name) || names.find((one) => name && one.startsWith(name)) || names[0];
    if (wanted) at("code-function").value = wanted;
    showListing(board);
  }
  // Lines of C on the left, instructions on the right. What belongs together has one colour.
  const bodyOf = (id, ...names) => {
    const table = element("table"), top = element("thead"), head = element("tr"), body = element("tbody");
    for (const name of names) head.append(element("th", name, { scope: "col" }));
    top.append(head);
    table.append(top, body);
    at(id).replaceChildren(table);
    return body;
  };
  const lineOf = (place) => Number(place.slice(place.lastIndexOf(":") + 1));
  const fileOf = (place) => place.slice(0, place.lastIndexOf(":"));
  const reveal = (rows) => {
    document.querySelectorAll(".linked").forEach((one) => one.classList.remove("linked"));
    rows.forEach((row) => row.classList.add("linked"));
    if (rows.length) rows[0].scrollIntoView({ block: "nearest" });
  };
  const leading = (text, lead) => {
    const cell = element("td", null, { class: "number" }), button = element("button", text, { type: "button", class: "link" });
    button.addEventListener("click", lead);
    cell.append(button);
    return cell;
  };
  function showListing(board) {
    const listing = board.profile.listings.find((one) => one.name === at("code-function").value);
    if (!listing) return;
    const layers = board.layers.filter((one) => one.kernel === listing.name);
    at("code-layers").textContent = layers.length ? `Called for ${layers.map((one) => one.layer).join(", ")}.` : "";
    const total = listing.code.reduce((sum, row) => sum + row[4] + row[5], 0) || 1;
    const places = new Map(); // of each line: cycles with waiting, its row, the rows of its instructions
    for (const [, , index, , cycles, waits] of listing.code) {
      const place = listing.places[index];
      const known = places.get(place) || { cycles: 0, rows: [] };
      known.cycles += cycles + waits;
      places.set(place, known);
    }
    const lines = Object.keys(listing.source).sort((a, b) => fileOf(a).localeCompare(fileOf(b)) || lineOf(a) - lineOf(b));
    const source = bodyOf("source", "line", "cycles", "C"), body = bodyOf("listing", "address", "instruction", "times", "cycles", "waiting");
    let file = "", last = 0, hue = 0;
    for (const place of lines) {
      if (fileOf(place) !== file) source.append(element("tr")), source.lastChild.append(element("td", fileOf(place), { colspan: 3, class: "file" }));
      else if (lineOf(place) !== last + 1) source.append(element("tr")), source.lastChild.append(element("td", "⋮", { colspan: 3 }));
      file = fileOf(place);
      last = lineOf(place);
      const row = element("tr"), known = places.get(place);
      row.append(known ? leading(last, () => reveal([...known.rows, row])) : element("td", last, { class: "number" }));
      row.append(element("td", known ? grouped(known.cycles) : "", { class: "number" }), element("td", listing.source[place], { class: "c" }));
      if (known) {
        known.hue = (hue += 67) % 360;
        known.row = row;
        row.className = "part";
        row.style.setProperty("--hue", known.hue);
        if (known.cycles / total >= 0.05) row.classList.add("hot");
      }
      source.append(row);
    }
    for (const [address, text, index, times, cycles, waits] of listing.code) {
      const row = element("tr"), known = places.get(listing.places[index]);
      known.rows.push(row);
      if (known.row) {
        row.className = "part";
        row.style.setProperty("--hue", known.hue);
      }
      if ((cycles + waits) / total >= 0.05) row.classList.add("hot");
      const name = address.toString(16);
      row.append(known.row ? leading(name, () => reveal([known.row, ...known.rows])) : element("td", name, { class: "number" }));
      row.append(element("td", text, { class: "asm" }));
      for (const figure of [times, cycles, waits]) row.append(element("td", grouped(figure), { class: "number" }));
      body.append(row);
    }
  }
  at("code-board").addEventListener("change", () => fillFunctions());
  at("code-function").addEventListener("change", () => showListing(data.boards[Number(at("code-board").value)]));
  document.querySelectorAll("a[data-function]").forEach((link) => {
    link.addEventListener("click", () => showCode(Number(link.dataset.board), link.dataset.function));
  });
  fillFunctions();
})();
