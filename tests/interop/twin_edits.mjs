// twin_edits.mjs - edits of a random kind, made by Automerge and put into words
// for lk_twin (tests/twin/edit.c).

import { isObject, textHex } from "./twin_bytes.mjs";

const KEYS = ["a", "b", "k1", "", "a\0b", "ä", "😀", "\uffff", "list", "text"];
const LETTERS = ["x", "yz", "é", "😀", "e\u0301", "q😀z", "\0", "hello "];
// So that columns get long enough to be compressed.
const LONG = Array.from({ length: 50 }, (_, i) => `${i * i} `).join("");
const letters = (r) => (r(30) === 0 ? LONG : r.of(LETTERS));
const TYPES = { null: 0, false: 1, true: 2, uint: 3, int: 4, f64: 5, str: 6, bytes: 7, counter: 8,
	timestamp: 9 };

const bits = (n) => BigInt.asUintN(64, BigInt(n)).toString(16).padStart(16, "0");

function float(v) {
	const b = Buffer.alloc(8);
	b.writeDoubleBE(v);
	return b.toString("hex");
}

const place = (prop) => (typeof prop === "string" ? `k${textHex(prop)}` : `i${prop}`);

// A scalar as [for Automerge, its type there, word].
export function scalar(r) {
	const whole = r.small ? [r(1000)] : [0, 1, -1, 63, 64, -64, -65, 2 ** 53, -(2n ** 63n), 2n ** 63n - 1n, r(1000)];
	switch (r(9)) {
	case 0: return [null, "null", "0:"];
	case 1: {
		const b = r(2) === 0;
		return [b, "boolean", b ? "2:" : "1:"];
	}
	case 2: {
		const n = r.small ? r(1000) : r.of([0, 1, 127, 128, 2n ** 64n - 1n, r(1000)]);
		return [n, "uint", `${TYPES.uint}:${bits(n)}`];
	}
	case 3: {
		const n = r.of(whole);
		return [n, "int", `${TYPES.int}:${bits(n)}`];
	}
	case 4: {
		// To Automerge 0 and -0 are equal, so that it does not set the other.
		const d = r.of([-0, 1.5, -1e300, 5e-324, Infinity, -Infinity, (r(1000) + 1) / 7]);
		return [d, "f64", `${TYPES.f64}:${float(d)}`];
	}
	case 5: {
		const s = r.of([...LETTERS, "", "some words"]);
		return [s, "str", `${TYPES.str}:${textHex(s)}`];
	}
	case 6: {
		const b = Uint8Array.from({ length: r(4) }, () => r(256));
		return [b, "bytes", `${TYPES.bytes}:${Buffer.from(b).toString("hex")}`];
	}
	case 7: {
		const n = r(100) - 50;
		return [n, "counter", `${TYPES.counter}:${bits(n)}`];
	}
	default: {
		const t = r(2 ** 31) * 500 - 2 ** 38;
		return [new Date(t), "timestamp", `${TYPES.timestamp}:${bits(t)}`];
	}
	}
}

// An object that is shown somewhere, perhaps as the loser of a conflict.
export function someObject(r, h) {
	let id = "_root", type = "map";
	while (r(4) > 0) {
		let values;
		if (type === "map") {
			const keys = h.keys(id);
			if (keys.length === 0) break;
			values = h.getAll(id, r.of(keys));
		} else {
			// Not h.length: at old heads it counts the losers of conflicts as well.
			const n = type === "text" ? h.text(id).length : h.length(id);
			if (n === 0) break;
			values = h.getAll(id, r(n));
		}
		const inside = values.filter(isObject);
		if (inside.length === 0) continue;
		[type, id] = r.of(inside);
	}
	return [id, type];
}

function mapEdit(r, h, id) {
	const key = r.of(KEYS), held = h.getAll(id, key), at = place(key);
	switch (r(held.length > 0 ? 7 : 4)) {
	case 0: case 1: case 4: {
		const [v, type, word] = scalar(r);
		h.put(id, key, v, type);
		return `put ${id} ${at} ${word}`;
	}
	case 2: case 3: {
		const type = r.of(["map", "list", "text"]);
		const made = h.putObject(id, key, { map: {}, list: [], text: "" }[type]);
		return `make ${id} ${at} ${type}` + filled(r, h, made, type);
	}
	default:
		if (held.at(-1)[0] === "counter" && r(4) > 0) return increment(r, h, id, key);
		h.delete(id, key);
		return `del ${id} ${at}`;
	}
}

function increment(r, h, id, prop) {
	const by = r(20) - 5;
	h.increment(id, prop, by);
	return `inc ${id} ${place(prop)} ${bits(by)}`;
}

// Something into a new object, in the same change.
function filled(r, h, id, type) {
	if (r(3) === 0) return "";
	switch (type) {
	case "map": return " " + mapEdit(r, h, id);
	case "list": return " " + listEdit(r, h, id);
	default: return " " + splice(r, h, id);
	}
}

function listEdit(r, h, id) {
	const n = h.length(id), i = r(n + 1);
	switch (i < n ? r(7) : r(2)) {
	case 0: {
		const [v, type, word] = scalar(r);
		h.insert(id, i, v, type);
		return `ins ${id} ${i} ${word}`;
	}
	case 1: case 2: {
		const type = r.of(["map", "list", "text"]);
		const made = h.insertObject(id, i, { map: {}, list: [], text: "" }[type]);
		return `insmake ${id} ${i} ${type}` + filled(r, h, made, type);
	}
	case 3: {
		const [v, type, word] = scalar(r);
		h.put(id, i, v, type);
		return `put ${id} i${i} ${word}`;
	}
	case 4: {
		const type = r.of(["map", "list", "text"]);
		h.putObject(id, i, { map: {}, list: [], text: "" }[type]);
		return `make ${id} i${i} ${type}`;
	}
	default:
		if (h.getAll(id, i).at(-1)[0] === "counter" && r(4) > 0) return increment(r, h, id, i);
		h.delete(id, i);
		return `del ${id} i${i}`;
	}
}

// A place in a text that is not inside a character: units, and characters.
export function somewhere(r, text) {
	let i = r(text.length + 1);
	if (i < text.length && i > 0 && (text.charCodeAt(i) & 0xfc00) === 0xdc00) i--;
	return [i, [...text.slice(0, i)].length];
}

// Whether a place is inside an element of several characters, where units and
// characters would count differently.
const inside = (h, id, i) =>
	i > 0 && i < h.text(id).length && h.getAll(id, i - 1).at(-1).at(-1) === h.getAll(id, i).at(-1).at(-1);

function splice(r, h, id) {
	const text = h.text(id), [i, at] = somewhere(r, text);
	const rest = [...text.slice(i)];
	const del = r(2) === 0 || inside(h, id, i) ? 0 : r(Math.min(rest.length, 4) + 1);
	const insert = del > 0 && r(2) === 0 ? "" : letters(r);
	h.splice(id, i, rest.slice(0, del).join("").length, insert);
	return `splice ${id} ${at} ${del} ${insert === "" ? "-" : textHex(insert)}`;
}

const EXPAND = ["none", "before", "after", "both"];

function mark(r, h, id) {
	const text = h.text(id), expand = r(4), name = r.of(["bold", "link", "ä", ""]);
	const [[start, from], [end, to]] = [somewhere(r, text), somewhere(r, text)].sort((a, b) => a[0] - b[0]);
	const [v, type, word] = r(3) === 0 ? scalar(r) : r.of([[true, "boolean", "2:"], [null, "null", "0:"]]);
	h.mark(id, { start, end, expand: EXPAND[expand] }, name, v, type);
	return `mark ${id} ${from} ${to} ${name === "" ? "-" : textHex(name)} ${expand} ${word}`;
}

// A block is put in, taken out, or replaced by another one.
function block(r, h, id) {
	const text = h.text(id), [i, at] = somewhere(r, text);
	const there = i < text.length ? h.getAll(id, i).at(-1) : [];
	if (there[0] === "map" && r(2) === 0) {
		h.joinBlock(id, i);
		return `join ${id} ${at}`;
	}
	const split = there[0] !== "map", within = inside(h, id, i);
	if (split) h.splitBlock(id, i, {});
	else h.updateBlock(id, i, {});
	const words = `${split ? "split" : "update"} ${id} ${at}`;
	return within ? words : words + filled(r, h, h.getAll(id, i).at(-1)[1], "map");
}

function textEdit(r, h, id) {
	const text = h.text(id), [i, at] = somewhere(r, text);
	if (r(4) === 0) return mark(r, h, id);
	if (r(8) === 0) return block(r, h, id);
	if (r(3) > 0) return splice(r, h, id);
	if (i < text.length && r(2) === 0) {
		if (r(2) === 0 && !inside(h, id, i)) {
			h.delete(id, i);
			return `splice ${id} ${at} 1 -`;
		}
		const [v, type, word] = scalar(r);
		h.put(id, i, v, type);
		return `put ${id} i${at} ${word}`;
	}
	const [v, type, word] = scalar(r);
	h.insert(id, i, v, type);
	return `ins ${id} ${at} ${word}`;
}

// An edit of Automerge's, and the words for the same.
export function bothEdit(r, h) {
	const [id, type] = someObject(r, h);
	if (type === "map") return mapEdit(r, h, id);
	return type === "list" ? listEdit(r, h, id) : textEdit(r, h, id);
}

// A text that is shown, undefined when none is soon found.
export function shownText(r, h) {
	for (let tries = 0; tries < 5; tries++) {
		const [id, type] = someObject(r, h);
		if (type === "text") return id;
	}
	return undefined;
}

const someText = (r, h) => shownText(r, h) ?? h.putObject("_root", "text", "some text");

// Edits there are no words for.
export function amEdit(r, h) {
	const id = someText(r, h), n = h.text(id).length;
	const start = r(n + 1), end = start + r(n - start + 1);
	const name = r.of(["bold", "link"]), expand = r.of(["none", "before", "after", "both"]);
	switch (r(6)) {
	case 0: case 1: {
		const [v, type] = scalar(r);
		h.mark(id, { start, end, expand }, name, v, type);
		break;
	}
	case 2: h.unmark(id, { start, end, expand }, name); break;
	case 3: h.splitBlock(id, start, { type: "p", parents: ["li"], attrs: { n: r(9) } }); break;
	case 4:
		for (let i = 0; i < n; i++)
			if (h.getAll(id, i).at(-1)[0] === "map") {
				if (r(2) === 0) h.joinBlock(id, i);
				else h.updateBlock(id, i, { type: "h1", parents: [], attrs: {} });
				return;
			}
		break;
	default: h.updateText(id, [...h.text(id)].filter(() => r(8) > 0).join("") + letters(r));
	}
}
