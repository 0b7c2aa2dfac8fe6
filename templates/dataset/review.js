// Samples of one label at a time; chosen ones get another label or are removed.
"use strict";

let state;
let begin = 0;
let size = 0; // of a page
let total = 0; // of the label
let last = -1; // the sample that was chosen last
let busy = false;
const done = []; // ids of what was done, the last one at the end

const label = () => Number(one("label").value);
const buttons = () => [...one("samples").children];
const chosen = () => buttons().filter((button) => button.getAttribute("aria-pressed") === "true");

function enable() {
  const some = chosen().length > 0;
  one("move").disabled = busy || !some || Number(one("to").value) === label();
  one("remove").disabled = busy || !some;
  one("undo").disabled = busy || !done.length;
  one("back").disabled = busy || begin === 0;
  one("on").disabled = busy || begin + size >= total;
}

function press(index, pressed) {
  buttons()[index].setAttribute("aria-pressed", String(pressed));
}

function choose(index, event) {
  const pressed = buttons()[index].getAttribute("aria-pressed") !== "true";
  const from = event.shiftKey && last >= 0 ? Math.min(last, index) : index;
  const to = event.shiftKey && last >= 0 ? Math.max(last, index) : index;
  for (let each = from; each <= to; ++each) press(each, pressed || event.shiftKey);
  last = index;
  enable();
}

function sample(name, index) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", "false");
  button.dataset.name = name;
  const image = document.createElement("img");
  image.alt = `cannot be shown: ${name}`;
  image.loading = "lazy";
  image.src = `picture?label=${label()}&name=${encodeURIComponent(name)}`;
  image.addEventListener("load", () => (image.alt = ""));
  const text = document.createElement("span");
  text.textContent = name;
  button.append(image, text);
  button.addEventListener("click", (event) => choose(index, event));
  return button;
}

function showCounts(counts) {
  state.counts = counts;
  one("total").textContent = `${counts.reduce((a, b) => a + b, 0)} samples`;
  state.labels.forEach((name, index) => {
    one("label").options[index].textContent = `${name} (${counts[index]})`;
  });
}

async function show() {
  let found = await send("samples", { label: label(), begin });
  if (!found.names.length && begin > 0) {
    begin = Math.max(0, begin - Math.max(1, size));
    found = await send("samples", { label: label(), begin });
  }
  ({ total } = found);
  size = Math.max(size, found.names.length);
  last = -1;
  one("samples").replaceChildren(...found.names.map(sample));
  one("range").textContent = total ? `${begin + 1} to ${begin + found.names.length} of ${total}` : "no samples";
}

// One request at a time; the page shows what is there afterwards.
async function work(request) {
  if (busy) return;
  busy = true;
  enable();
  try {
    const text = await request();
    await show();
    if (text) say(text, "good");
  } catch (error) {
    say(`Not done: ${error.message}`, "bad");
  } finally {
    busy = false;
    enable();
  }
}

const plural = (count) => (count === 1 ? "1 sample" : `${count} samples`);

function change(action, extra, text) {
  const names = chosen().map((button) => button.dataset.name);
  if (!names.length) return;
  work(async () => {
    const { id, changed, counts } = await send(action, { label: label(), names, ...extra });
    done.push(id);
    showCounts(counts);
    return `${plural(changed)} ${text}.`;
  });
}

function move() {
  change("move", { to: Number(one("to").value) }, `moved to "${state.labels[Number(one("to").value)]}"`);
}

function undo() {
  if (!done.length) return;
  work(async () => {
    const { changed, counts } = await send("undo", { id: done.pop() });
    showCounts(counts);
    return `${plural(changed)} put back.`;
  });
}

async function start() {
  try {
    state = await read("state");
  } catch (error) {
    say(`Not loaded: ${error.message}`, "bad");
    return;
  }
  send.token = state.token;
  for (const id of ["label", "to"]) {
    one(id).append(
      ...state.labels.map((name, index) => {
        const option = document.createElement("option");
        option.value = index;
        option.textContent = name;
        return option;
      })
    );
  }
  showCounts(state.counts);
  const turn = (by) => work(async () => void (begin = Math.max(0, begin + by)));
  one("label").addEventListener("change", () => {
    begin = 0;
    turn(0);
  });
  one("to").addEventListener("change", enable);
  one("back").addEventListener("click", () => turn(-size));
  one("on").addEventListener("click", () => turn(size));
  one("move").addEventListener("click", move);
  one("remove").addEventListener("click", () => change("remove", {}, "removed"));
  one("undo").addEventListener("click", undo);
  window.addEventListener("keydown", (event) => {
    if (event.key === "Delete" && !event.target.closest("select")) change("remove", {}, "removed");
  });
  await work(async () => "");
}

start();
