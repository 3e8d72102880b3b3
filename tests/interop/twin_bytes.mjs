// twin_bytes.mjs - bytes, random numbers, and what an Automerge document shows
// in the words of tests/twin/tree.c.

import { createHash } from "node:crypto";
import zlib from "node:zlib";

export const hex = (b) => Buffer.from(b).toString("hex");
export const unhex = (s) => new Uint8Array(Buffer.from(s, "hex"));
export const textHex = (s) => Buffer.from(s, "utf8").toString("hex");

// mulberry32: the same numbers on every machine.
export function random(from) {
	let seed = Math.imul(from ^ 0x9e3779b9, 0x85ebca6b);
	const next = () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
	const r = (n) => Math.floor(next() * n);
	r.again = () => random(from);
	r.of = (list) => list[r(list.length)];
	r.shuffle = (list) => {
		for (let i = list.length - 1; i > 0; i--) {
			const j = r(i + 1);
			[list[i], list[j]] = [list[j], list[i]];
		}
		return list;
	};
	return r;
}

function uleb(b, at) {
	let value = 0, scale = 1;
	for (;;) {
		value += (b[at] & 0x7f) * scale;
		scale *= 128;
		if (!(b[at++] & 0x80)) return [value, at];
	}
}

function ulebOf(n) {
	const out = [];
	for (; n >= 128; n = Math.floor(n / 128)) out.push(n % 128 + 128);
	return Buffer.from([...out, n]);
}

// The chunks of a file as [type, body, all of it].
export function chunks(file) {
	const out = [], b = Buffer.from(file);
	for (let at = 0; at < b.length;) {
		const [length, body] = uleb(b, at + 9);
		out.push([b[at + 8], b.subarray(body, body + length), b.subarray(at, body + length)]);
		at = body + length;
	}
	return out;
}

const chunkOf = (head, type, body) =>
	Buffer.concat([head.subarray(0, 8), Buffer.from([type]), ulebOf(body.length), body]);

// A change chunk as it is hashed, without compression, and the other way round.
export function plainChange(chunk) {
	const [[type, body]] = chunks(chunk), b = Buffer.from(chunk);
	return type === 2 ? chunkOf(b, 1, zlib.inflateRawSync(body)) : b;
}
export function deflatedChange(chunk) {
	const b = plainChange(chunk);
	return chunkOf(b, 2, zlib.deflateRawSync(chunks(b)[0][1]));
}

export const changeHash = (plain) => createHash("sha256").update(plain.subarray(8)).digest("hex");

// The hashes a change depends on, in one string.
export function depsOf(chunk) {
	const body = chunks(plainChange(chunk))[0][1], [n, at] = uleb(body, 0);
	return hex(body.subarray(at, at + 32 * n));
}

// The body of a document chunk with its columns inflated, and which were not.
export function plainDocument(file) {
	const [[type, b]] = chunks(file);
	if (type !== 0) throw new Error(`a chunk of type ${type} for a document`);
	let at = 0, n;
	[n, at] = uleb(b, at);
	for (let i = 0, len; i < n; i++) {
		[len, at] = uleb(b, at);
		at += len;
	}
	[n, at] = uleb(b, at);
	at += 32 * n;
	const out = [b.subarray(0, at)], tables = [[], []], data = [], deflated = [];
	for (const columns of tables) {
		[n, at] = uleb(b, at);
		for (let i = 0; i < n; i++) {
			let spec, len;
			[spec, at] = uleb(b, at);
			[len, at] = uleb(b, at);
			columns.push([spec, len]);
		}
	}
	for (const columns of tables) {
		out.push(ulebOf(columns.length));
		for (const [spec, len] of columns) {
			let bytes = b.subarray(at, at + len);
			at += len;
			if (spec & 8) {
				bytes = zlib.inflateRawSync(bytes);
				deflated.push(spec & ~8);
			}
			out.push(ulebOf(spec & ~8), ulebOf(bytes.length));
			data.push(bytes);
		}
	}
	return { body: hex(Buffer.concat([...out, ...data, b.subarray(at)])), deflated: deflated.join(" ") };
}

// Trees.

function float(v) {
	if (Number.isNaN(v)) return "NaN";
	const b = Buffer.alloc(8);
	b.writeDoubleBE(v);
	return b.toString("hex");
}

const OBJECTS = ["map", "list", "text", "table"];
export const isObject = (v) => OBJECTS.includes(v[0]);
const points = (s) => [...s].length;

// All that a document of Automerge's shows, with ids and conflicts; also at
// old heads.
export function tree(h, heads) {
	const value = (v) => {
		const [type, value, id] = v;
		if (isObject(v)) return object(value, type);
		switch (type) {
		case "null": return `${id},null`;
		case "f64": return `${id},f64=${float(value)}`;
		case "str": return `${id},str=${textHex(value)}`;
		case "timestamp": return `${id},timestamp=${value.getTime()}`;
		case "boolean": case "int": case "uint": case "counter": return `${id},${type}=${value}`;
		default: return `${id},${type}=${hex(value)}`;
		}
	};

	const slot = (at, values) => `${at}:[${values.map(value).join("|")}]`;

	const byName = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));

	// The kinds of numbers in marks look the same here.
	const mark = (name, v) => {
		const at = textHex(name);
		if (v instanceof Date) return `${at}=timestamp=${v.getTime()}`;
		if (v instanceof Uint8Array) return `${at}=bytes=${hex(v)}`;
		switch (typeof v) {
		case "boolean": return `${at}=boolean=${v}`;
		case "string": return `${at}=str=${textHex(v)}`;
		case "number": case "bigint": return `${at}=f64=${float(Number(v))}`;
		default: return `${at}=${JSON.stringify(v)}`;
		}
	};

	const marks = (id, text) => {
		const at = (units) => points(text.slice(0, units));
		const list = h.marks(id, heads).map((m) => [at(m.start), at(m.end), mark(m.name, m.value), m.name]);
		list.sort((a, b) => a[0] - b[0] || byName(a[3], b[3]));
		return list.map(([start, end, m]) => `${start}-${end}:${m};`).join("");
	};

	const spans = (id) => {
		const runs = [];
		for (const s of h.spans(id, heads)) {
			const marks = Object.entries(s.marks ?? {}).sort((a, b) => byName(a[0], b[0]))
				.map(([name, v]) => `&${mark(name, v)}`).join("");
			const last = runs.at(-1);
			if (s.type === "block") runs.push({ text: "block", marks: "" });
			// It begins a new run at marks that are newer than the heads.
			else if (last?.marks === marks && last.text !== "block") last.text += textHex(s.value);
			else runs.push({ text: textHex(s.value), marks });
		}
		return runs.map((run) => `${run.text}${run.marks};`).join("");
	};

	const text = (id) => {
		// Not h.length: at old heads it counts the losers of conflicts as well.
		const all = h.text(id, heads);
		let out = `${textHex(all)};marks;${marks(id, all)}spans;${spans(id)}`;
		for (let i = 0, at = 0; i < all.length;) {
			const values = h.getAll(id, i, heads), winner = values.at(-1);
			const s = winner[0] === "str" ? winner[1] : "x";
			out += slot(at, values);
			i += s.length;
			at += points(s);
		}
		return out;
	};

	const object = (id, type) => {
		let inside = "";
		if (type === "text") {
			inside = text(id);
		} else if (type === "list") {
			for (let i = 0, n = h.length(id, heads); i < n; i++)
				inside += slot(i, h.getAll(id, i, heads));
		} else {
			const keys = h.keys(id, heads).map((k) => [Buffer.from(k), k]);
			keys.sort((a, b) => Buffer.compare(a[0], b[0]));
			for (const [bytes, key] of keys)
				inside += slot(hex(bytes), h.getAll(id, key, heads));
		}
		return `${id},${type}{${inside}}`;
	};

	return object("_root", "map");
}
