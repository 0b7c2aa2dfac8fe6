// Lines in boxes, kept as points from 0 to 1 over the box; the server makes pictures of them.
"use strict";

let state;
let asked = 0;
let busy = false;
const boxes = []; // of each: its canvas and its strokes
const order = []; // the boxes of all strokes, in the order they were drawn
const saves = []; // the ids of each save, the last one at the end

function paint(box) {
  const { canvas, strokes } = box;
  const ratio = window.devicePixelRatio || 1;
  const side = Math.max(1, Math.round(canvas.clientWidth * ratio));
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, side, side);
  context.strokeStyle = context.fillStyle = getComputedStyle(canvas).color;
  context.lineWidth = ratio; // one pixel of the page
  for (const stroke of strokes) {
    context.beginPath();
    stroke.forEach(([x, y], index) => (index ? context.lineTo(x * side, y * side) : context.moveTo(x * side, y * side)));
    context.stroke();
    if (stroke.length === 1) context.fillRect(stroke[0][0] * side - ratio, stroke[0][1] * side - ratio, 2 * ratio, 2 * ratio);
  }
}

function enable() {
  const drawn = boxes.some((box) => box.strokes.length);
  for (const id of ["save", "line", "clear"]) one(id).disabled = busy || !drawn;
  one("undo").disabled = busy || !saves.length;
  one("skip").disabled = busy || drawn; // else drawings of one label would be saved as another
}

function points(box) {
  return box.strokes.reduce((sum, stroke) => sum + stroke.length, 0);
}

function addPoint(box, stroke, event) {
  if (points(box) >= state.limits.points) return;
  const area = box.canvas.getBoundingClientRect();
  const edge = box.canvas.clientLeft; // the border is no part of the picture
  const clip = (value) => Math.min(1, Math.max(0, value));
  const x = clip((event.clientX - area.left - edge) / box.canvas.clientWidth);
  const y = clip((event.clientY - area.top - edge) / box.canvas.clientHeight);
  const last = stroke[stroke.length - 1];
  if (!last || Math.hypot(x - last[0], y - last[1]) > 0.004) stroke.push([x, y]);
}

function listen(box) {
  const pens = new Map(); // the stroke of each pointer that is down
  box.canvas.addEventListener("pointerdown", (event) => {
    if (busy || event.button || box.strokes.length >= state.limits.strokes) return;
    event.preventDefault();
    try {
      box.canvas.setPointerCapture(event.pointerId);
    } catch {
      // The pointer is gone already: a tap.
    }
    const stroke = [];
    pens.set(event.pointerId, stroke);
    box.strokes.push(stroke);
    order.push(box);
    addPoint(box, stroke, event);
    paint(box);
    enable();
  });
  box.canvas.addEventListener("pointermove", (event) => {
    const stroke = pens.get(event.pointerId);
    if (!stroke) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of all.length ? all : [event]) addPoint(box, stroke, each);
    paint(box);
  });
  for (const end of ["pointerup", "pointercancel"]) box.canvas.addEventListener(end, (event) => pens.delete(event.pointerId));
}

function clear() {
  for (const box of boxes) {
    box.strokes.length = 0;
    paint(box);
  }
  order.length = 0;
  enable();
}

function undoLine() {
  const box = order.pop();
  if (box) box.strokes.pop();
  if (box) paint(box);
  enable();
}

// Another label at random, of those that are short of the goal as long as there are any.
function ask() {
  const all = state.labels.map((_, index) => index);
  const short = all.filter((index) => state.counts[index] < state.goal);
  const from = short.length ? short : all;
  const others = from.filter((index) => index !== asked);
  const among = others.length ? others : from;
  asked = among[Math.floor(Math.random() * among.length)];
  one("label").textContent = state.labels[asked];
}

function showCounts(counts) {
  state.counts = counts;
  const list = one("progress");
  list.replaceChildren(
    ...state.labels.map((label, index) => {
      const item = document.createElement("li");
      const name = document.createElement("span");
      name.textContent = label;
      const bar = document.createElement("progress");
      bar.max = state.goal;
      bar.value = Math.min(counts[index], state.goal);
      bar.setAttribute("aria-label", `samples of ${label}`);
      const count = document.createElement("span");
      count.className = "count";
      count.textContent = `${counts[index]} of ${state.goal}`;
      item.append(name, bar, count);
      return item;
    })
  );
  one("total").textContent = `${counts.reduce((a, b) => a + b, 0)} samples in the data set`;
}

function showPictures(saved, label) {
  one("pictures").replaceChildren(
    ...saved.map(({ name, pixels }) => {
      const item = document.createElement("li");
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = state.side;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${label}, ${name}`);
      const image = new ImageData(state.side, state.side);
      const bytes = Uint8Array.from(atob(pixels), (character) => character.charCodeAt(0));
      bytes.forEach((gray, index) => image.data.set([gray, gray, gray, 255], 4 * index));
      canvas.getContext("2d").putImageData(image, 0, 0);
      item.append(canvas);
      return item;
    })
  );
}

// One request at a time; what is drawn stays until the server says that it has it.
async function work(request, done) {
  if (busy) return;
  busy = true;
  enable();
  try {
    done(await request());
  } catch (error) {
    say(`Not done: ${error.message}`, "bad");
  } finally {
    busy = false;
    enable();
  }
}

function save() {
  const drawings = boxes.map((box) => box.strokes).filter((strokes) => strokes.length);
  if (!drawings.length) return;
  const label = state.labels[asked];
  work(
    () => send("samples", { label: asked, drawings }),
    ({ saved, counts }) => {
      saves.push(saved.map((each) => each.id));
      showCounts(counts);
      showPictures(saved, label);
      clear();
      ask();
      say(`Saved ${saved.length} ${saved.length === 1 ? "sample" : "samples"} of "${label}".`, "good");
    }
  );
}

function undoSave() {
  const ids = saves[saves.length - 1];
  if (!ids) return;
  work(
    () => send("undo", { ids }),
    ({ removed, counts }) => {
      saves.pop();
      showCounts(counts);
      showPictures([], "");
      say(`Removed ${removed} again.`, "good");
    }
  );
}

async function start() {
  try {
    state = await read("state");
  } catch (error) {
    say(`Not loaded: ${error.message}`, "bad");
    return;
  }
  send.token = state.token;
  asked = -1;
  for (let index = 0; index < state.boxes; ++index) {
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `box ${index + 1} to draw in`);
    one("boxes").append(canvas);
    const box = { canvas, strokes: [] };
    boxes.push(box);
    listen(box);
    paint(box);
  }
  showCounts(state.counts);
  ask();
  one("save").addEventListener("click", save);
  one("line").addEventListener("click", undoLine);
  one("clear").addEventListener("click", clear);
  one("undo").addEventListener("click", undoSave);
  one("skip").addEventListener("click", ask);
  window.addEventListener("resize", () => boxes.forEach(paint));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => boxes.forEach(paint));
  window.addEventListener("keydown", (event) => {
    if (event.target.closest("button") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") save();
    if (event.key === "Backspace") undoLine();
    if (event.key === "Escape") clear();
  });
  window.addEventListener("beforeunload", (event) => {
    if (order.length) event.preventDefault();
  });
}

start();
