// The members of the demo cluster, as the rest of the page names and paints them.

const KNOWN = { '127.0.0.4': ['member-1', 'one'], '127.0.0.5': ['member-2', 'two'] };

/** The member behind a URI: its name, its colour class, its host. */
export function member(uri) {
  const { hostname, host } = new URL(uri);
  const [name, tone] = KNOWN[hostname] ?? [host, 'other'];
  return { name, tone, host };
}

/** A round trip as a person reads it. */
export const millis = (ms) => `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;

/** A longer time. */
export function span(ms) {
  const s = ms / 1000;
  if (s < 60) return `${s < 10 ? s.toFixed(2) : s.toFixed(0)} s`;
  return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
}

export const clock = (date = new Date()) => date.toLocaleTimeString([], { hour12: false });

/** A new element with a class and children, strings among them. */
export function el(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children);
  return e;
}

export const $ = (id) => document.getElementById(id);

/** Adds a line to a list that keeps its last ones, and shows it. */
export function line(list, item, keep = 200) {
  const low = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(item);
  while (list.children.length > keep) list.firstChild.remove();
  if (low) list.scrollTop = list.scrollHeight;
}
