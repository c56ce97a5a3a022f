"use strict";
// The page again every few seconds, unless nobody sees it or something in it is being selected.
const SECONDS = 5;

async function refresh() {
  if (document.hidden || !getSelection().isCollapsed) return;
  try {
    const reply = await fetch(location.href, { cache: "no-store" });
    if (!reply.ok) throw new Error(reply.statusText);
    const fresh = new DOMParser().parseFromString(await reply.text(), "text/html").querySelector("main");
    for (const details of fresh.querySelectorAll("details[id]")) {
      const known = document.getElementById(details.id);
      if (known) details.open = known.open;
    }
    document.querySelector("main").replaceWith(fresh);
    document.getElementById("lost").hidden = true;
  } catch {
    document.getElementById("lost").hidden = false;
  }
}

async function again() {
  await refresh();
  // What there was no time to read yet comes with the next request.
  setTimeout(again, document.getElementById("unread") ? 300 : 1000 * SECONDS);
}

setTimeout(again, document.getElementById("unread") ? 300 : 1000 * SECONDS);
