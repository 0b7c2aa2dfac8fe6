// What both pages share: requests to the server that sent them.
"use strict";

const one = (id) => document.getElementById(id);

function say(text, kind = "") {
  one("status").textContent = text;
  one("status").className = `status ${kind}`;
}

async function answer(response) {
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(content.error || `the server says ${response.status}`);
  return content;
}

async function read(path) {
  return answer(await fetch(path, { cache: "no-store" }));
}

async function send(path, content) {
  const headers = { "Content-Type": "application/json", "X-Tinyglow-Token": send.token };
  let response;
  try {
    response = await fetch(path, { method: "POST", headers, body: JSON.stringify(content) });
  } catch {
    throw new Error("the server does not answer; is tinyglow still running?");
  }
  return answer(response);
}
