// twins.mjs - the document engine against Automerge, history by history.
//
// A history is some actors, and steps drawn from its seed.  Each actor has a
// document of Automerge's and one of ours, its twin (tests/twin).  They make
// the same edit, and the changes must be the same bytes; or one of them makes
// one that the other cannot, and the other takes it.  Changes travel in any
// order and packing, early ones wait; what one side saved the other loads and
// goes on with.  After every step both have the same heads; now and then, and
// in the end, they show the same, with all ids and conflicts.
//
// Of a history that fails, the steps it does not need are left out and the rest
// is printed, with the command that runs it again.
//
// usage: node twins.mjs [--twin PATH] [--from SEED] [--seeds N] [--steps LIST]

import * as A from "@automerge/automerge";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { changeHash, chunks, depsOf, deflatedChange, hex, plainChange, plainDocument, random, textHex, tree, unhex }
	from "./twin_bytes.mjs";
import { amEdit, bothEdit, shownText, somewhere } from "./twin_edits.mjs";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const root = path.resolve(here, "../..");
const { values: options } = parseArgs({
	options: {
		twin: { type: "string", default: path.join(root, "build/dev/tests/lk_twin") },
		from: { type: "string", default: "1" },
		seeds: { type: "string", default: "100" },
		steps: { type: "string" }, // of the one seed, only these
	},
});

class Failed extends Error {}

// Our side: one program, asked and answered line by line without waiting for
// the event loop.
class Twin {
	constructor(program) {
		const dir = fs.mkdtempSync(path.join(os.tmpdir(), "lk-twin-"));
		const [asks, answers] = ["asks", "answers"].map((name) => path.join(dir, name));
		if (spawnSync("mkfifo", [asks, answers]).status !== 0) throw new Error("mkfifo");
		// Open both ways at first, so that opening does not wait.
		const held = [asks, answers].map((file) => fs.openSync(file, "r+"));
		const ends = [fs.openSync(asks, "r"), fs.openSync(answers, "w")];
		this.out = fs.openSync(asks, "w");
		this.in = fs.openSync(answers, "r");
		spawn(program, [], { stdio: [...ends, "inherit"] }).unref();
		[...held, ...ends].forEach((fd) => fs.closeSync(fd));
		fs.rmSync(dir, { recursive: true });
		this.piece = Buffer.alloc(1 << 16);
	}

	ask(line) {
		const all = Buffer.from(line + "\n");
		for (let at = 0; at < all.length;) at += fs.writeSync(this.out, all, at);
		let got = [];
		do {
			const n = fs.readSync(this.in, this.piece);
			if (n === 0) throw new Error("lk_twin has ended");
			got.push(Buffer.from(this.piece.subarray(0, n)));
		} while (got.at(-1).at(-1) !== 10);
		const answer = Buffer.concat(got).toString().trimEnd();
		if (!answer.startsWith("ok")) throw new Failed(`our side: ${answer}\nasked: ${line.slice(0, 2000)}`);
		return answer.slice(3);
	}
}

let twin = new Twin(options.twin);

function same(what, am, ours) {
	if (am === ours) return;
	let at = 0;
	while (am[at] === ours[at]) at++;
	const cut = (s) => (s.length < 3000 ? s : `..${s.slice(Math.max(0, at - 200), at + 1000)}..`);
	throw new Failed(`${what}:\nAutomerge: ${cut(am)}\nours:      ${cut(ours)}`);
}

// A change for people; Automerge shows none with a number over 2^53.
function decoded(chunk) {
	try {
		return chunk && JSON.stringify(A.decodeChange(unhex(chunk)).ops);
	} catch {
		return chunk;
	}
}

const heads = (h) => h.getHeads().sort().join("");

class World {
	constructor(r, { actors, loose }) {
		this.loose = loose;
		this.pool = new Map(); // hash: change chunk
		this.cursors = []; // [text, cursor]
		this.docs = [];
		twin.ask("reset");
		for (let i = 0; i < actors; i++) {
			// Of any length, and one a prefix of another.
			const actor = r(3) === 0 ? "a".repeat(2 * (i + 1)) : hex(Uint8Array.from({ length: 16 }, () => r(256)));
			this.docs.push({ i, actor, h: A.getBackend(A.init({ actor })), given: new Set() });
			twin.ask(`new ${i} ${actor}`);
		}
	}

	free() {
		for (const d of this.docs) d.h.free();
	}

	// A change that was made, as a chunk.
	made(d, chunk) {
		const plain = plainChange(chunk), hash = changeHash(plain);
		this.pool.set(hash, plain);
		d.given.add(hash);
	}

	same(d) {
		same("heads", heads(d.h), twin.ask(`heads ${d.i}`));
	}

	shown(d) {
		const ours = twin.ask(`tree ${d.i}`);
		// After edits at old heads it may show less than after loading the same.
		if (tree(d.h) !== ours) {
			this.replace(d, A.getBackend(A.load(d.h.save(), { actor: d.actor })));
			notes.stale++;
		}
		same(`actor ${d.i} shows`, tree(d.h), ours);
	}

	// What of the pool d was not given, in any order.
	missing(r, d) {
		return r.shuffle([...this.pool.keys()].filter((hash) => !d.given.has(hash)));
	}

	give(r, d, hashes) {
		const packed = () => hashes.map((x) =>
			(r(4) === 0 ? deflatedChange(this.pool.get(x)) : this.pool.get(x)));
		if (hashes.length === 0) return;
		hashes.forEach((x) => d.given.add(x));
		const am = r.shuffle(packed());
		if (r(2) === 0) {
			d.h.applyChanges(am.map((c) => new Uint8Array(c)));
		} else {
			for (const c of am)
				d.h.loadIncremental(new Uint8Array(c));
		}
		for (const c of r.shuffle(packed())) twin.ask(`take ${d.i} ${hex(c)}`);
	}

	replace(d, h) {
		d.h.free();
		d.h = h;
	}

	// With our change in the place of its own.
	retake(d, chunk) {
		this.replace(d, A.getBackend(A.init({ actor: d.actor })));
		d.h.applyChanges([...d.given].map((x) => new Uint8Array(this.pool.get(x))));
		d.h.applyChanges([unhex(chunk)]);
		this.made(d, unhex(chunk));
		notes.odd++;
	}

	// As it was before a change that cannot be.
	forget(d) {
		this.replace(d, A.getBackend(A.init({ actor: d.actor })));
		d.h.applyChanges([...d.given].map((x) => new Uint8Array(this.pool.get(x))));
		notes.outside++;
	}
}

// Where Automerge itself gives up: counted and said in the end.
const notes = { outside: 0, panics: 0, stale: 0, odd: 0 };
const PANICS = /exposed value must record/;
// In histories that name predecessors as no editor does.
const LOOSE_PANICS = /cant convert op into a value/;

// Whether a change of the document names an element that is not in its past, or
// has not its actor's last one there.  At old heads Automerge (3.5.0) inserts
// behind a mark that is newer than these, and takes an actor whose only changes
// since had no ops; who has only the past of the change cannot apply it.
function refersOutside(h, chunk) {
	const change = A.decodeChange(chunk), metas = new Map();
	for (const m of h.getChangesMeta([])) metas.set(m.hash, m);
	const past = new Map([[change.hash, metas.get(change.hash)]]), left = [...change.deps];
	while (left.length > 0) {
		const hash = left.pop();
		if (past.has(hash)) continue;
		past.set(hash, metas.get(hash));
		left.push(...metas.get(hash).deps);
	}
	const before = (m) => m.actor === change.actor && m.seq === change.seq - 1;
	if (change.seq > 1 && ![...past.values()].some(before)) return true;
	return change.ops.some(({ elemId }) => {
		if (elemId === undefined || elemId === "_head") return false;
		const [ctr, actor] = elemId.split("@");
		return ![...past.values()].some((m) =>
			m.actor === actor && m.startOp <= Number(ctr) && Number(ctr) <= m.maxOp);
	});
}

// Undefined when a number in it is over 2^53.
function opsOf(chunk) {
	try {
		return A.decodeChange(chunk).ops;
	} catch {
		return undefined;
	}
}

// Where Automerge (3.5.0) is alone with what it does, in changes only other
// programs write, so that ours does not do the same:
//
// Who deletes an element whose first value an increment hides, though it is no
// counter, names that increment among the values, if there is another value.
function sameButIncrements(h, am, ours) {
	const increments = new Set();
	for (const { hash, actor, startOp, maxOp } of h.getChangesMeta([])) {
		const ops = opsOf(h.getChangeByHash(hash));
		for (let ctr = startOp; ctr <= maxOp; ctr++)
			if ((ops?.[ctr - startOp].action ?? "inc") === "inc") increments.add(`${ctr}@${actor}`);
	}
	const plain = (chunk) => {
		const { ops, ...rest } = A.decodeChange(unhex(chunk));
		delete rest.hash;
		return JSON.stringify([rest, ops.map((op) => ({ ...op, pred: op.pred.filter((id) => !increments.has(id)) }))]);
	};
	return opsOf(unhex(am)) !== undefined && opsOf(unhex(ours)) !== undefined && plain(am) === plain(ours);
}

// At old heads it may insert behind another of the elements that are not shown
// than it does in a document that ends there.
function sameOnFork(h, made, ours, r) {
	const { actor, deps } = A.decodeChange(made), then = h.fork(actor, deps);
	// What refers to the change's own ops, by their place: the numbers begin elsewhere.
	const plain = (change) => JSON.stringify(change.ops).replace(/"(\d+)@([0-9a-f]+)"/g, (id, ctr, who) =>
		who === actor && Number(ctr) >= change.startOp ? `"own ${ctr - change.startOp}"` : id);
	try {
		for (let n = 1 + r(4); n > 0; n--) bothEdit(r, then);
		const hash = then.commit("", 1e9);
		return plain(A.decodeChange(then.getChangeByHash(hash))) === plain(A.decodeChange(unhex(ours)));
	} catch {
		return false;
	} finally {
		then.free();
	}
}

// A cursor before a value that was written over another one and then lost a
// conflict leaves its element, which is still shown.
function ofOverwrite(h, cursor) {
	if (!cursor.startsWith("-")) return false;
	const [ctr, actor] = cursor.slice(1).split("@");
	return h.getChangesMeta([]).some((c) => c.actor === actor && c.startOp <= Number(ctr) && Number(ctr) <= c.maxOp &&
		!opsOf(h.getChangeByHash(c.hash))?.[Number(ctr) - c.startOp].insert);
}

// A text at old heads; undefined when it was not made yet.
function textAt(h, id, heads) {
	try {
		return h.text(id, heads);
	} catch {
		return undefined;
	}
}

function cursorAt(h, id, cursor, heads, text) {
	try {
		return String([...text.slice(0, h.getCursorPosition(id, cursor, heads))].length);
	} catch {
		if (heads === undefined) return "none";
	}
	// At old heads it does not find an op that an increment hides, though it
	// does in the document that ends there (seed 939).
	const then = h.fork(undefined, heads);
	try {
		return cursorAt(then, id, cursor, undefined, text);
	} finally {
		then.free();
	}
}

const steps = {
	both(w, r, d) {
		const time = 1e9 + r(1e6), message = r(3) === 0 ? r.of(["ä", "a message"]) : "";
		const words = [];
		try {
			for (let n = 1 + r(4); n > 0; n--) words.push(bothEdit(r, d.h));
		} catch (e) {
			e.message += `; after ${words.join(" ")}`;
			throw e;
		}
		const hash = d.h.commit(message, time);
		// The heads, and its actor's last change even if it lies below them.
		const deps = hash ? depsOf(d.h.getChangeByHash(hash)) : heads(d.h);
		const chunk = twin.ask(`edit ${d.i} ${d.actor} ${time} ${textHex(message) || "-"} ` +
			`${deps || "-"} ${words.join(" ")}`);
		const am = hash ? hex(plainChange(d.h.getChangeByHash(hash))) : "";
		if (am !== chunk && sameButIncrements(d.h, am, chunk)) {
			w.retake(d, chunk);
			return;
		}
		if (am !== chunk)
			throw new Failed(`changes differ\nof ${words.join(" ")}:\n${decoded(am)}\n${decoded(chunk)}`);
		if (hash) w.made(d, unhex(chunk));
	},

	// The same edits at old heads, by an actor that is free there.
	old(w, r, d) {
		const before = d.h.getHeads(), all = d.h.topoHistoryTraversal();
		if (all.length === 0) return;
		const words = [], some = (r) => [...new Set(Array.from({ length: 1 + r(2) }, () => r.of(all)))];
		r.small = true; // for refersOutside
		d.h.isolate(some(r));
		try {
			for (let n = 1 + r(4); n > 0; n--) words.push(bothEdit(r, d.h));
			d.h.commit("", 1e9);
		} catch (e) {
			// The losers of conflicts confuse it there.
			if (!/out of bounds/.test(e.message)) throw e;
			d.h.rollback();
		}
		d.h.integrate();
		const [made] = d.h.getChanges(before);
		if (made === undefined) return;
		if (refersOutside(d.h, made)) {
			w.forget(d);
			return;
		}
		const chunk = twin.ask(`old ${d.i} ${1e9} ${depsOf(made) || "-"} ${words.join(" ")}`);
		if (hex(plainChange(made)) !== chunk) {
			const again = r.again();
			again.small = true;
			some(again);
			if (sameOnFork(d.h, made, chunk, again)) {
				w.retake(d, chunk);
				return;
			}
			throw new Failed(`changes at old heads differ\nof ${words.join(" ")}:\n${decoded(hex(made))}\n${decoded(chunk)}`);
		}
		w.made(d, made);
	},

	// Cursors made by each, found by both, also in the past.
	cursors(w, r, d) {
		const id = shownText(r, d.h);
		if (id === undefined) return;
		for (let n = r(4); n > 0; n--) {
			const [i, at] = somewhere(r, d.h.text(id)), before = r(2);
			const cursor = d.h.getCursor(id, i, undefined, before ? "before" : "after");
			same(`the cursor of ${id} at ${at}`, cursor, twin.ask(`cursor ${d.i} ${id} ${at} ${before}`));
			w.cursors.push([id, cursor]);
		}
		const all = d.h.getChangesMeta([]).map((c) => c.hash);
		const heads = r(2) === 0 ? undefined : [r.of(all)];
		const text = textAt(d.h, id, heads);
		for (const [obj, cursor] of w.cursors) {
			if (obj !== id || text === undefined) continue;
			const place = cursorAt(d.h, id, cursor, heads, text);
			const ours = twin.ask(`find ${d.i} ${heads ?? "-"} ${id} ${cursor}`);
			if (place !== ours && ofOverwrite(d.h, cursor)) {
				notes.odd++;
				continue;
			}
			same(`the place of ${cursor} in ${id} at ${heads}`, place, ours);
		}
	},

	// Automerge alone: what we have no words for, also at old heads.
	am(w, r, d) {
		const before = d.h.getHeads();
		const old = r(3) === 0 ? d.h.topoHistoryTraversal() : [];
		r.small = true; // for refersOutside
		if (old.length > 0) d.h.isolate([r.of(old)]);
		try {
			for (let n = 1 + r(3); n > 0; n--) {
				if (r(3) === 0) bothEdit(r, d.h);
				else amEdit(r, d.h);
			}
			d.h.commit("", 1e9);
		} catch (e) {
			// The losers of conflicts confuse it, most of all at old heads.
			if (!/out of bounds/.test(e.message)) throw e;
			d.h.rollback();
		}
		if (old.length > 0) d.h.integrate();
		const [made] = d.h.getChanges(before);
		if (made === undefined) return;
		if (old.length > 0 && refersOutside(d.h, made)) {
			w.forget(d);
			return;
		}
		twin.ask(`take ${d.i} ${hex(made)}`);
		w.made(d, made);
	},

	raw(w, r, d) {
		const chunk = twin.ask(`raw ${d.i} ${r(2 ** 31)} ${w.loose ? 1 : 0}`);
		if (chunk === "") return;
		d.h.applyChanges([unhex(chunk)]);
		w.made(d, unhex(chunk));
	},

	give(w, r, d) {
		const some = w.missing(r, d);
		w.give(r, d, some.slice(0, r(some.length + 1)));
	},

	all(w, r, d) {
		w.give(r, d, w.missing(r, d));
	},

	// Ours saves, Automerge goes on with it.
	ours(w, r, d) {
		const file = unhex(twin.ask(`${r(3) === 0 ? "changes" : "save"} ${d.i}`));
		if (file.length === 0) return;
		const h = A.getBackend(A.load(file, { actor: d.actor }));
		same("heads after loading", heads(h), twin.ask(`heads ${d.i}`));
		if (chunks(file)[0][0] === 0) {
			const am = plainDocument(h.save()), ours = plainDocument(file);
			same("the document saved again", am.body, ours.body);
			same("columns compressed", am.deflated, ours.deflated);
		}
		same("what waits", "0", twin.ask(`load ${d.i} ${hex(file)}`));
		d.given = new Set(h.getChangesMeta([]).map((c) => c.hash));
		w.replace(d, h);
	},

	// Automerge saves, we go on with it.
	theirs(w, r, d) {
		const file = r(2) === 0 ? d.h.save() : d.h.saveNoCompress();
		if (file.length === 0) return;
		twin.ask(`load ${d.i} ${hex(file)}`);
	},

	// A document of a part, and the rest behind or before it, perhaps not all.
	mixture(w, r, d) {
		const known = d.h.getChangesMeta([]).map((c) => c.hash);
		if (known.length < 2) return;
		const part = known.slice(0, 1 + r(known.length - 1));
		const h = A.getBackend(A.init({ actor: "ff" }));
		h.applyChanges(part.map((x) => new Uint8Array(w.pool.get(x))));
		const holes = r(3) === 0;
		const rest = known.filter((x) => (part.includes(x) ? r(4) === 0 : !holes || r(3) > 0));
		const packed = r.shuffle(rest.map((x) => (r(2) === 0 ? w.pool.get(x) : deflatedChange(w.pool.get(x)))));
		const file = Buffer.concat(r(2) === 0 ? [h.save(), ...packed] : [...packed, h.save()]);
		h.free();
		w.replace(d, holes ? A.getBackend(A.init({ actor: d.actor })) :
			A.getBackend(A.load(new Uint8Array(file), { actor: d.actor })));
		if (holes) d.h.loadIncremental(new Uint8Array(file));
		const waits = twin.ask(`load ${d.i} ${hex(file)}`);
		w.same(d);
		// Nobody may go on without what he has written himself.
		if (holes) w.give(r, d, known);
		else same("what waits", "0", waits);
		d.given = new Set(known);
	},

	again(w, r, d) {
		twin.ask(`again ${d.i}`);
	},

	show(w, r, d) {
		w.shown(d);
	},

	// As it was at old heads, looked at directly or through another view.
	view(w, r, d) {
		const all = d.h.getChangesMeta([]).map((c) => c.hash);
		if (all.length === 0) return;
		const some = () => [...new Set(Array.from({ length: r(3) + 1 }, () => r.of(all)))];
		const heads = some(), through = Array.from({ length: r(3) }, some);
		same(`actor ${d.i} shows at ${heads}`, tree(d.h, heads),
			twin.ask(`view ${d.i} ${[...through, heads].map((x) => x.join("")).join(" ")}`));
	},
};

const PROFILES = [
	{ both: 10, am: 4, old: 2, cursors: 2, raw: 0, give: 6, all: 2, ours: 1, theirs: 1, mixture: 1, again: 1, show: 2, view: 2 },
	{ both: 4, am: 3, old: 2, cursors: 2, raw: 6, give: 6, all: 2, ours: 1, theirs: 1, mixture: 1, again: 1, show: 2, view: 2 },
	{ both: 12, am: 0, old: 2, cursors: 2, raw: 1, give: 3, all: 6, ours: 2, theirs: 2, mixture: 1, again: 1, show: 2, view: 2 },
	{ both: 1, am: 0, old: 2, cursors: 2, raw: 12, give: 4, all: 4, ours: 1, theirs: 1, mixture: 1, again: 0, show: 2, view: 2 },
	{ both: 12, am: 3, old: 2, cursors: 2, raw: 0, give: 4, all: 4, ours: 1, theirs: 1, mixture: 1, again: 1, show: 1, view: 2 },
	{ both: 3, am: 1, old: 2, cursors: 2, raw: 8, give: 6, all: 3, ours: 1, theirs: 1, mixture: 1, again: 1, show: 2, view: 2 },
];

function plan(seed) {
	const r = random(seed), profile = r.of(PROFILES);
	const kinds = Object.entries(profile).flatMap(([kind, n]) => Array(n).fill(kind));
	const actors = 2 + r(5), loose = profile === PROFILES.at(-1), list = [];
	for (let n = 8 + r(50); n > 0; n--)
		list.push({ kind: r.of(kinds), who: r(actors), seed: r(2 ** 31) });
	return { seed, actors, loose, list };
}

function run(history) {
	const r = random(history.seed + 1e6), w = new World(r, history);
	let at;
	try {
		for (const step of history.list) {
			const d = w.docs[step.who];
			at = step;
			steps[step.kind](w, random(step.seed), d);
			w.same(d);
		}
		at = { kind: "in the end" };
		for (const d of w.docs) {
			w.give(r, d, w.missing(r, d));
			w.same(d);
			w.shown(d);
		}
		const [first, ...others] = w.docs.map((d) => [heads(d.h), twin.ask(`save ${d.i}`)]);
		for (const other of others) {
			same("heads in the end", first[0], other[0]);
			same("documents in the end", first[1], other[1]);
		}
		w.free();
		return null;
	} catch (e) {
		if (e.message === "lk_twin has ended") twin = new Twin(options.twin);
		if (PANICS.test(e.message) || history.loose && LOOSE_PANICS.test(e.message)) {
			notes.panics++;
			return null;
		}
		const text = e instanceof Failed ? e.message : `Automerge: ${e.message ?? e}`;
		return { step: at, text, kind: text.split("\n")[0].replace(/\d+/g, "") };
	}
}

const SHRINK_RUNS = 200;

// Leaves out steps as long as it fails in the same way.
function shrink(history, failure) {
	let { list } = history, runs = 0;
	for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
		for (let i = list.length - size; i >= 0 && runs < SHRINK_RUNS; i -= size, runs++) {
			const less = [...list.slice(0, i), ...list.slice(i + size)];
			const f = run({ ...history, list: less });
			if (f !== null && f.kind === failure.kind) {
				list = less;
				failure = f;
			}
		}
	}
	return { ...history, list, failure };
}

const FAILURES_SHOWN = 5;
const from = Number(options.from), seeds = Number(options.seeds);
let failed = 0;
let done = 0;
for (let seed = from; seed < from + seeds && failed < FAILURES_SHOWN; seed++, done++) {
	const history = plan(seed);
	history.list.forEach((step, n) => { step.n = n; });
	if (options.steps !== undefined) {
		const only = options.steps.split(",").map(Number);
		history.list = history.list.filter((step) => only.includes(step.n));
	}
	const failure = run(history);
	if (failure === null) continue;
	failed++;
	const less = shrink(history, failure);
	console.log(`not ok: twins, seed ${seed}\nagain: node tests/interop/twins.mjs --from ${seed} --seeds 1 ` +
		`--steps ${less.list.map((s) => s.n).join(",")}\n` +
		less.list.map((s) => `    ${s.kind} by ${s.who}`).join("\n") +
		`\nat ${less.failure.step.kind}: ${less.failure.text}`);
}
if (notes.panics + notes.outside + notes.stale + notes.odd > 0)
	console.log(`note: Automerge gave up in ${notes.panics} histories, wrote ${notes.outside} changes ` +
		`that name what is not in their past, showed ${notes.stale} times what it does not show after a load, and was odd in ${notes.odd} other ways (twins.mjs)`);
// So that this hides nothing.
if (notes.panics > 3 + seeds / 50 || notes.odd > 3 + seeds / 100) {
	failed++;
	console.log("not ok: twins, Automerge gave up too often, or was odd");
}
console.log(`${failed ? "not " : ""}ok: twins, ${done - failed} of ${seeds} histories from seed ${from}`);
process.exit(failed ? 1 : 0);
