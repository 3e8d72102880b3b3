/*
 * access.pml - the rules of access.md as a state model: every causally closed set of N free operations, by authors
 * who may lie about what they have seen, and every way into it.
 *
 *     spin -a -DN=3 access.pml && gcc -O2 -DSAFETY -DNOBOUNDCHECK -o pan pan.c && ./pan -m1000
 *
 * spin.py runs it, with mutants.  A state is an admissible set; a step adds an op with any past that the ops before
 * it allow, any author, kind, target, level, flags, frontier.  In each set the effective ops are computed as section
 * 5 defines them, and for each op x that nothing in the set has seen the same is reached by a replica that held the
 * rest and got x.  The rest is a set that was checked itself, so by induction every order of delivery ends alike, at
 * every prefix.  Sets that differ only in the numbering of concurrent ops, or in the names of A and B, are visited
 * once.  A set of N ops is not kept: nothing follows it.
 *
 * Exhaustive in this.  Root R (rank 0, cold), admins A, B (1, equal) and M (2), writer E (4), granted by what nobody
 * can void; Z, who has no grant; N ops by them and by whom they grant.  Grants: to E or Z, read, write or admin, one
 * rank below their author, or 4 if not admin; or Z as an own device.  Revocations: one entry, of anybody more junior,
 * level none, read or write, soft if of an admin, tree if of A, B, M or E, any frontier.  Bans of E or Z, leaves,
 * adopts of any changes in their past, epochs, changes under them, shares, a new box key of E.
 * SCENE 1 is about authority: the same without R's ops, epochs, shares, box keys and the role read.  SCENE 2 is about
 * keys: epochs, shares, box keys, grants of read or write to Z, hard revocations with level none and any frontier,
 * and leaves, by A, M, E and whom they grant.
 *
 * Abstracted: an envelope is one op, but that an epoch is emitted with a change under it.  Hashes, signatures and
 * seals are sound; authors may use keys of epochs they never got.  Tips are masks of what they have in their past.
 * The key of an epoch is a set of box keys that can open it.  Forks are sets in which an op's past misses an earlier
 * op of its author.
 *
 * Left out: genesis and guard as ops (rank -1: one more senior), imports, unknown kinds, several entries in one
 * revocation, a grant of a person with his devices in one envelope, own devices of anybody but A, B, M, E and the bound of 32,
 * level and role relay, ranks with gaps, seq (who leaves after his own fork names any of its ends), a rekey of
 * anybody but E, envelopes of several ops.  What has no state here: bytes (A1, A8), waiting (A2), limits, ghosts
 * (I11, model/ghost), relays, forwarding, when shares are made.  I10 is so by construction: whether an op is
 * admissible is computed from its past alone.
 */
#ifndef N
#define N 3
#endif
#ifndef ONLY
#define ONLY 0
#endif
#ifndef SCENE
#define SCENE 0
#endif
#define RULES (SCENE != 2)
#define KEYS  (SCENE != 1)
#define ROOT  (SCENE == 0)

/* Roles, kinds, flags, keys. */
#define NONE   0
#define RELAY  1
#define READ   2
#define WRITE  3
#define ADMIN  4

#define CHANGE 0
#define EPOCH  1
#define ADOPT  2
#define SHARE  3
#define GRANT  4
#define REVOKE 5
#define BAN    6
#define LEAVE  7
#define REKEY  8

#define SOFT   1
#define TREE   2

#define R  0
#define A  1
#define B  2
#define M  3
#define E  4
#define Z  5
#define E2 6
#define BASE 5
#define GENESIS N

/* What is checked.  -DONLY: one of them. */
#define I1   1  /* a replica agrees with the definition, whatever came first; it looks at nothing twice */
#define I2   2  /* an effective op: its grant effective and in its past, its role enough, ranks and roles only lower */
#define I3   3  /* an effective revocation: nothing it covers is effective that needs more, outside its frontier */
#define I4   4  /* an op never changes the status of one of lower rank */
#define I5   5  /* effect comes back by a more senior op, or by a leave that takes away its author's own ban */
#define I6   6  /* no two revocations target each other */
#define I7   7  /* without what no effective op has in its past, all is as it was */
#define I8   8  /* what loses effect stands under a grant that a denial new in effect names, or descends from it */
#define I9   9  /* no device that does not read has the key of an epoch that may be used */
#define A5   10 /* an op whose own past forbids it is refused */
#define FAIR 11 /* an op is refused only for that */
#define R1   12 /* a denial takes effect from no op that it spares */
#define R9   13 /* an op is voided by a more senior one, its author leaving, or a ban by an equal that saw neither */
#define OUT  14 /* what a revoked one does outside the frontier changes nothing, whether later or unseen */
#define VAIN 15 /* a void op changes nothing */
#define GONE 16 /* after a leave: nothing under its grant is effective that it does not follow */
#define BANS 17 /* after a ban: no grant of the key by a junior, nor an unseen one by an equal */
#define SHOW 18 /* what is void shows only if an effective op adopts it */
#define MUTE 19 /* changes, epochs, shares and adopts void and revive nothing; an adopt shows what was void, no more */
#define TOP  20 /* an epoch that may be used is effective and the last of its line */
#define WELL 21 /* nothing decides about itself */
#define I12  22 /* the root can open every epoch, and so share it */
#define I13  23 /* a new epoch may be used at once */
#define must(p, c) assert((ONLY != 0 && ONLY != p) || (c))

#define bit(x)   (1 << (x))
#define in(m, x) (((m) >> (x)) & 1)

/* One entry an op. */
byte kind[N], under[N], past[N], target[N], level[N], flags[N], keep[N], seal[N], boxed[N], need[N];
byte denies[N], denied[N], gives[N], order[N];
/* One entry a grant: R, A, B, M, E, then the ops that are grants. */
byte key[BASE + N], rank[BASE + N], role[BASE + N];
short person[BASE + N], line[BASE + N];
byte n, t, w;
bool ok, first;

hidden byte eff, live, inc, was, seen, looked, dirty, gone, back, rs, ring, top, all, rest, others, shown, before;
hidden byte a, c, d, g, k, o, x, y, z;
hidden byte e, known[N + 1];

#define rank_of(x)   rank[under[x]]
#define key_of(x)    key[under[x]]
#define stage(x)     (rank_of(x) * 4 + (kind[x] == LEAVE -> 0 : (kind[x] == GRANT -> 2 : 1)))
#define covers(c, g) ((flags[c] & TREE) -> in(person[g], target[c]) : target[c] == (g))
#define granted(j)   (n > j && kind[j] == GRANT && in(past[n], j))
#define changed(j)   (n > j && kind[j] <= EPOCH && in(past[n], j))
#define denial(x)    (kind[x] == REVOKE || kind[x] == BAN)

/* What c voids of x if c is effective: access.md, section 5, without the words "effective(c)". */
#define cuts(c, x)   (kind[c] == REVOKE && covers(c, under[x]) && level[c] < need[x] && !in(keep[c], x) && \
                      !((flags[c] & SOFT) && denial(x) && !in(past[x], c)))
#define left(c, x)   (kind[c] == LEAVE && under[c] == under[x] && kind[x] != LEAVE && !in(keep[c], x))
#define bans(c, x)   (kind[c] == BAN && kind[x] == GRANT && key[BASE + x] == target[c] && !in(past[c], x) && \
                      (rank_of(x) > rank_of(c) || (rank_of(x) == rank_of(c) && !in(past[x], c))))

inline relate(p, q)
{
	if
	:: cuts(p, q) || left(p, q) || bans(p, q) -> denies[p] = denies[p] | bit(q); denied[q] = denied[q] | bit(p)
	:: else
	fi
}

/* r := the effective ops of the set m, as defined: an op is decided when all that could void it are. */
inline evaluate(m, r)
{
	r = 0; rest = m;
	do
	:: rest == 0 -> break
	:: else ->
		dirty = rest;
		for (o : 0 .. n) {
			if
			:: in(rest, o) && (denied[o] & rest) == 0 && (under[o] < BASE || !in(rest, under[o] - BASE)) ->
				rest = rest & ~bit(o);
				if
				:: (denied[o] & r) == 0 && (under[o] < BASE || in(r, under[o] - BASE)) -> r = r | bit(o)
				:: else
				fi
			:: else
			fi
		}
		if :: dirty == rest -> must(WELL, false); break :: else fi
	od
}

/* The same by a replica that holds `seen`, with `inc` effective, and gets an op: it looks again at what a changed op
   may touch, by rank and within a rank leaves first and grants last, and at nothing twice. */
inline deliver(op)
{
	seen = seen | bit(op); dirty = bit(op); looked = 0;
	do
	:: dirty == 0 -> break
	:: else ->
		k = 0;
		do :: in(dirty, order[k]) -> break :: else -> k++ od;
		o = order[k]; dirty = dirty & ~bit(o);
		if :: in(looked, o) -> must(I1, false); break :: else -> looked = looked | bit(o) fi;
		e = (denied[o] & inc) == 0 && (under[o] < BASE || in(inc, under[o] - BASE));
		if
		:: e != in(inc, o) -> inc = inc ^ bit(o); dirty = (dirty | denies[o] | gives[o]) & seen
		:: else
		fi
	od
}

/* rs := the box keys of who reads in the set m with r effective. */
inline readers(m, r)
{
	rs = 0;
	for (g : 0 .. BASE + N - 1) {
		if
		:: (g < BASE || (g - BASE <= n && in(m & r, g - BASE) && kind[g - BASE] == GRANT)) ->
			e = role[g] >= READ;
			for (y : 0 .. n) {
				if
				:: in(m & r, y) && ((kind[y] == LEAVE && under[y] == g) ||
				   (kind[y] == REVOKE && covers(y, g) && level[y] < READ)) -> e = false
				:: else
				fi
			}
			if :: e -> rs = rs | bit(key[g]) :: else fi
		:: else
		fi
	}
	for (y : 0 .. n) {
		if :: in(m & r, y) && kind[y] == REKEY && in(rs, E) -> rs = (rs & ~bit(E)) | bit(E2) :: else fi
	}
}

/* top := the epochs of m that no other of the mask `among` comes after. */
inline maximal(m, among)
{
	top = bit(GENESIS);
	for (y : 0 .. n) {
		if
		:: in(m & among, y) && kind[y] == EPOCH ->
			top = top & ~bit(GENESIS); top = top | bit(y)
		:: else
		fi
	}
	for (y : 0 .. n) {
		if :: in(m & among, y) && kind[y] == EPOCH -> top = top & ~past[y] :: else fi
	}
}

/* known[] := who has the key of each epoch, by what the set m records. */
inline knowledge(m)
{
	for (z : 0 .. N) { known[z] = 0 }
	known[GENESIS] = bit(R) | bit(A) | bit(B) | bit(M) | bit(E);
	for (z : 0 .. n) {
		if
		:: in(m, z) && kind[z] == EPOCH -> known[z] = known[z] | boxed[z]
		:: in(m, z) && kind[z] == SHARE -> known[seal[z]] = known[seal[z]] | bit(target[z])
		:: in(m, z) && kind[z] == GRANT && role[BASE + z] >= READ ->
			maximal(past[z], 255);
			for (y : 0 .. N) { if :: in(top, y) -> known[y] = known[y] | bit(key[BASE + z]) :: else fi }
		:: else
		fi
	}
	/* Links lead to earlier epochs only. */
	for (x : 0 .. n) {
		z = n - x;
		if
		:: in(m, z) && kind[z] == EPOCH ->
			maximal(past[z], 255);
			for (y : 0 .. N) { if :: in(top, y) -> known[y] = known[y] | known[z] :: else fi }
		:: else
		fi
	}
}

/* top := the epochs that a change on top of the set m may be sealed under, with r effective. */
inline clean(m, r)
{
	readers(m, r);
	knowledge(m);
	maximal(m, r);
	for (y : 0 .. N) { if :: (known[y] & ~rs) != 0 -> top = top & ~bit(y) :: else fi }
}

/* e := something in what op p claims to know forbids it. */
inline reason(p)
{
	e = (under[p] >= BASE && !in(eff, under[p] - BASE)) || role[under[p]] < need[p];
	for (c : 0 .. n) {
		if
		:: in(past[p] & eff, c) ->
			if
			:: kind[c] == REVOKE && level[c] < need[p] && (target[c] == under[p] ||
			   ((flags[c] & TREE) && in(person[under[p]], target[c]))) -> e = true
			:: kind[c] == LEAVE && under[c] == under[p] && kind[p] != LEAVE -> e = true
			:: kind[c] == BAN && kind[p] == GRANT && key[BASE + p] == target[c] && rank_of(p) > rank_of(c) -> e = true
			:: else
			fi
		:: else
		fi
	}
}

/* No device that does not read in the set m has a key of `usable`: collected from the device's side. */
inline devices(m, usable)
{
	for (d : R .. E2) {
		ring = (d >= Z -> 0 : bit(GENESIS));
		for (z : 0 .. n) {
			if
			:: !in(m, z)
			:: else ->
				if
				:: kind[z] == EPOCH && in(boxed[z], d) -> ring = ring | bit(z) | past[z] | bit(GENESIS)
				:: kind[z] == GRANT && key[BASE + z] == d && role[BASE + z] >= READ -> ring = ring | past[z] | bit(GENESIS)
				:: kind[z] == SHARE && target[z] == d ->
					ring = ring | bit(seal[z]) | bit(GENESIS);
					if :: seal[z] != GENESIS -> ring = ring | past[seal[z]] :: else fi
				:: else
				fi
			fi
		}
		must(I9, in(rs, d) || (ring & (usable)) == 0)
	}
}

inline judge()
{
	/* One numbering of the same set is enough: of neighbours that know nothing of each other, the lower first. */
	if
	:: n > 0 && !in(past[n], n - 1) -> ok = kind[n - 1] * 8 + rank_of(n - 1) <= kind[n] * 8 + rank_of(n)
	:: else
	fi;
	/* A3 */
	if
	:: ok && kind[n] != LEAVE && kind[n] != SHARE && under[n] != R ->
		x = 0;
		do
		:: x >= n -> break
		:: else ->
			y = x + 1;
			do
			:: y >= n -> break
			:: else ->
				if
				:: in(past[n], x) && in(past[n], y) && !in(past[y], x) && key_of(x) == key_of(n) &&
				   key_of(y) == key_of(n) -> ok = false
				:: else
				fi;
				y++
			od;
			x++
		od
	:: else
	fi;
	if
	:: ok ->
		denies[n] = 0; denied[n] = 0; gives[n] = 0;
		x = 0;
		do
		:: x >= n -> break
		:: else -> relate(n, x); relate(x, n); x++
		od;
		if :: under[n] >= BASE -> gives[under[n] - BASE] = gives[under[n] - BASE] | bit(n) :: else fi;
		x = n;
		do
		:: x > 0 && stage(order[x - 1]) > stage(n) -> order[x] = order[x - 1]; x--
		:: else -> break
		od;
		order[x] = n;
		/* A5 */
		evaluate(past[n] | bit(n), eff);
		ok = in(eff, n);
		reason(n);
		must(A5, !ok || !e);
		must(FAIR, ok || e)
	:: else
	fi;
	/* A7 */
	if
	:: ok && kind[n] == EPOCH -> readers(past[n], eff); boxed[n] = rs
	:: ok && kind[n] == CHANGE ->
		clean(past[n], eff);
		ok = in(top, seal[n]);
		if :: ok -> devices(past[n], bit(seal[n])) :: else fi
	:: ok && kind[n] == SHARE ->
		clean(past[n], eff);
		ok = in(rs, target[n]) && !in(known[seal[n]], target[n])
	:: else
	fi
}

/* r := what the set m shows with f effective. */
inline look(m, f, r)
{
	r = 0;
	for (z : 0 .. n) {
		if
		:: in(m & f, z) && kind[z] <= EPOCH -> r = r | bit(z)
		:: in(m & f, z) && kind[z] == ADOPT -> r = r | keep[z]
		:: else
		fi
	}
	r = r & m
}

/* What holds in every set. */
inline check_set()
{
	for (x : 0 .. n) {
		if
		:: in(live, x) ->
			must(I2, role[under[x]] >= need[x]);
			must(I2, kind[x] != REVOKE || role[under[x]] == ADMIN ||
			    (target[x] != under[x] && in(person[target[x]], under[x])));
			must(I2, under[x] < BASE || in(live & past[x], under[x] - BASE));
			must(I2, kind[x] != GRANT || (rank[BASE + x] > rank_of(x) && role[BASE + x] <= role[under[x]]))
		:: else
		fi;
		for (c : 0 .. n) {
			must(I6, !(kind[c] == REVOKE && kind[x] == REVOKE && covers(c, under[x]) && covers(x, under[c])));
			if
			:: c == x || !in(live, c) || !in(live, x)
			:: else ->
				must(I3, kind[c] != REVOKE || level[c] >= need[x] || in(keep[c], x) ||
				    !(target[c] == under[x] || ((flags[c] & TREE) && in(person[under[x]], target[c]))) ||
				    ((flags[c] & SOFT) && denial(x) && !in(past[x], c)));
				must(GONE, kind[c] != LEAVE || under[c] != under[x] || kind[x] == LEAVE || in(keep[c], x));
				must(BANS, kind[c] != BAN || kind[x] != GRANT || key[BASE + x] != target[c] || in(past[c], x) ||
				    rank_of(x) < rank_of(c) || (rank_of(x) == rank_of(c) && in(past[x], c)))
			fi
		}
	}
	look(all, live, shown);
	others = 0;
	for (x : 0 .. n) {
		if :: in(live, x) -> others = others | past[x] | bit(x) :: else fi;
		if
		:: in(shown, x) && !in(live, x) ->
			e = false;
			for (c : 0 .. n) { if :: in(live, c) && kind[c] == ADOPT && in(keep[c] & past[c], x) -> e = true :: else fi }
			must(SHOW, e && kind[x] <= EPOCH)
		:: else
		fi
	}
	evaluate(others, was);
	look(others, was, before);
	must(I7, was == live && before == shown);
	clean(all, live);
	devices(all, top);
	must(I12, kind[n] != EPOCH || in(boxed[n], R));
	must(I13, kind[n] != EPOCH || (past[n] | bit(n)) != all || in(top, n));
	for (x : 0 .. n) {
		if
		:: kind[x] == EPOCH ->
			must(TOP, !in(top, x) || in(live, x));
			must(TOP, !in(live, x) || (top & past[x]) == 0);
			must(TOP, !in(live, x) || !in(top, GENESIS))
		:: else
		fi
	}
}

/* What an op that arrives last may do. */
inline check_last(op)
{
	look(others, was, before);
	must(VAIN, in(live, op) || (live == was && shown == before));
	must(MUTE, (kind[op] > SHARE && kind[op] != REKEY) || (gone | back) == 0);
	must(MUTE, kind[op] != ADOPT || !in(live, op) || (before & ~shown) == 0);
	must(MUTE, kind[op] != ADOPT || (shown & ~before & ~(keep[op] & ~was)) == 0);
	for (c : 0 .. n) {
		must(OUT, !(in(live, c) && kind[c] == REVOKE && !(flags[c] & SOFT) && covers(c, under[op]) &&
		    (level[c] == NONE || level[c] < need[op]) && !in(keep[c], op)) ||
		    ((live & ~bit(op)) == was && shown == before))
	}
	for (x : 0 .. n) {
		if
		:: in(gone | back, x) ->
			must(I4, rank_of(op) <= rank_of(x));
			e = in(gone, x) || rank_of(op) < rank_of(x);
			for (d : 0 .. n) {
				if
				:: kind[op] == LEAVE && kind[d] == BAN && under[d] == under[op] && bans(d, x) -> e = true
				:: else
				fi
			}
			must(I5, e);
			must(R9, in(back, x) || rank_of(op) < rank_of(x) || (kind[op] == LEAVE && under[op] == under[x]) ||
			    (kind[op] == BAN && rank_of(op) == rank_of(x) && kind[x] == GRANT && key[BASE + x] == target[op] &&
			    !in(past[x], op) && !in(past[op], x)))
		:: else
		fi;
		if
		:: in(gone, x) ->
			e = false;
			for (d : 0 .. n) {
				if
				:: !in((bit(op) | back) & live, d)
				:: else ->
					if
					:: kind[d] == REVOKE && in(line[under[x]], target[d]) -> e = true
					:: kind[d] == LEAVE && in(line[under[x]], under[d]) -> e = true
					:: kind[d] == BAN ->
						for (g : 0 .. n) {
							if
							:: kind[g] == GRANT && key[BASE + g] == target[d] && (g == x || in(line[under[x]], BASE + g)) ->
								e = true
							:: else
							fi
						}
					:: else
					fi
				fi
			}
			must(I8, e);
			must(R1, back != 0 || (under[x] >= BASE && !in(live, under[x] - BASE)) ||
			    (kind[op] == REVOKE && level[op] < need[x] && !in(keep[op], x) && (target[op] == under[x] ||
			    ((flags[op] & TREE) && in(person[under[x]], target[op]))) && !((flags[op] & SOFT) && denial(x))) ||
			    (kind[op] == LEAVE && under[op] == under[x] && !in(keep[op], x)) ||
			    (kind[op] == BAN && kind[x] == GRANT && key[BASE + x] == target[op] && !in(past[op], x) &&
			    rank_of(op) <= rank_of(x)))
		:: else
		fi
	}
}

/* Every way into the set of all ops so far.  Its subsets have been sets of their own. */
inline check()
{
	all = bit(n + 1) - 1;
	evaluate(all, live);
	check_set();
	for (a : 0 .. n) {
		others = all & ~bit(a);
		e = true;
		for (x : 0 .. n) { if :: in(past[x], a) -> e = false :: else fi }
		if
		:: e ->
			evaluate(others, was);
			seen = others; inc = was;
			deliver(a);
			must(I1, inc == live);
			gone = was & ~live; back = live & ~was & ~bit(a);
			check_last(a)
		:: else
		fi
	}
}

/* seal[n] := an epoch of the past */
inline choose_epoch()
{
	if
	:: seal[n] = GENESIS
	:: changed(0) && kind[0] == EPOCH -> seal[n] = 0
	:: changed(1) && kind[1] == EPOCH -> seal[n] = 1
#if N > 3
	:: changed(2) && kind[2] == EPOCH -> seal[n] = 2
#endif
#if N > 4
	:: changed(3) && kind[3] == EPOCH -> seal[n] = 3
#endif
	fi
}

inline choose_changes()
{
	t = 0;
	do
	:: t == n -> break
	:: t < n -> if :: changed(t) -> keep[n] = keep[n] | bit(t) :: skip fi; t++
	od;
	if :: keep[n] == 0 -> ok = false; goto done :: else fi
}

inline choose_grant()
{
	if :: RULES -> key[BASE + n] = E :: key[BASE + n] = Z fi;
	if :: KEYS -> role[BASE + n] = READ :: role[BASE + n] = WRITE :: RULES -> role[BASE + n] = ADMIN fi;
	person[BASE + n] = bit(BASE + n); line[BASE + n] = bit(BASE + n) | line[under[n]];
	rank[BASE + n] = rank[under[n]] + 1;
	if :: role[BASE + n] < ADMIN && rank[BASE + n] < 4 -> rank[BASE + n] = 4 :: else fi
}

/* A further device of the same person. */
inline choose_device()
{
	key[BASE + n] = Z; role[BASE + n] = w; rank[BASE + n] = rank[under[n]] + 1;
	person[BASE + n] = bit(BASE + n) | person[under[n]]; line[BASE + n] = bit(BASE + n) | line[under[n]]
}

inline choose_cut()
{
	if
	:: level[n] = NONE
	:: RULES && role[target[n]] > READ -> level[n] = READ
	:: RULES && role[target[n]] > WRITE -> level[n] = WRITE
	fi;
	if :: RULES && role[target[n]] == ADMIN -> flags[n] = SOFT :: skip fi;
	if :: RULES && target[n] < BASE -> flags[n] = flags[n] | TREE :: skip fi;
	w = 0; t = 0;
	do
	:: t >= BASE + n -> break
	:: else ->
		if :: (t < BASE || granted(t - BASE)) && covers(n, t) -> w = w | bit(key[t]) :: else fi;
		t++
	od;
	t = n;
	do
	:: t == 0 -> break
	:: else -> t--;
		if
		:: in(past[n], t) && in(w, key_of(t)) && !in(keep[n], t) -> keep[n] = keep[n] | past[t] | bit(t)
		:: skip
		fi
	od
}

/* keep[n] := the past of the last op of this key, or of one of its fork's. */
inline choose_prev()
{
	t = n; w = 0;
	do
	:: t == 0 -> break
	:: else -> t--;
		if
		:: in(past[n], t) && key_of(t) == key_of(n) && !in(w, t) ->
			w = w | past[t];
			if
			:: keep[n] = past[t] | bit(t)
			:: keep[n] != 0 -> skip
			fi
		:: else
		fi
	od
}

inline choose()
{
	past[n] = 0; t = n;
	do
	:: t == 0 -> break
	:: else ->
		t--;
		if
		:: in(past[n], t)
		:: !in(past[n], t) -> past[n] = past[n] | past[t] | bit(t)
		:: !in(past[n], t) -> skip
		fi
	od;
	w = 0; t = 0;
	do
	:: t == n -> break
	:: else ->
		if :: under[t] == A || (target[t] == A && (kind[t] == REVOKE || kind[t] == SHARE)) -> w = 1 :: else fi;
		t++
	od;
	first = !w;
	if
	:: ROOT -> under[n] = R
	:: under[n] = A
	:: RULES && !first -> under[n] = B
	:: under[n] = M
	:: under[n] = E
	:: granted(0) -> under[n] = BASE
	:: granted(1) -> under[n] = BASE + 1
#if N > 3
	:: granted(2) -> under[n] = BASE + 2
#endif
#if N > 4
	:: granted(3) -> under[n] = BASE + 3
#endif
	fi;
	w = role[under[n]];
	if
	:: RULES && w >= WRITE && under[n] != R -> kind[n] = CHANGE; need[n] = WRITE; choose_epoch()
	:: RULES && w >= WRITE && under[n] != R && n > 0 ->
		kind[n] = ADOPT; need[n] = WRITE; choose_changes()
	:: KEYS && w >= WRITE && under[n] != R -> kind[n] = EPOCH; need[n] = WRITE; seal[n] = n
	:: KEYS && w >= READ -> kind[n] = SHARE; need[n] = READ; choose_epoch();
		if
		:: RULES -> target[n] = A
		:: RULES && (!first || under[n] == A) -> target[n] = B
		:: RULES -> target[n] = M
		:: target[n] = E
		:: target[n] = Z
		:: target[n] = E2
		fi
	:: KEYS && under[n] == E -> kind[n] = REKEY; need[n] = READ
	:: w >= ADMIN -> kind[n] = GRANT; need[n] = ADMIN; choose_grant()
	:: RULES && under[n] < BASE && under[n] != R -> kind[n] = GRANT; need[n] = w; choose_device()
	:: kind[n] = REVOKE;
		if
		:: ROOT -> target[n] = A
		:: ROOT && !first -> target[n] = B
		:: target[n] = M
		:: target[n] = E
		:: granted(0) -> target[n] = BASE
		:: granted(1) -> target[n] = BASE + 1
#if N > 3
		:: granted(2) -> target[n] = BASE + 2
#endif
#if N > 4
		:: granted(3) -> target[n] = BASE + 3
#endif
		fi;
		need[n] = (target[n] != under[n] && in(person[target[n]], under[n]) -> RELAY : ADMIN);
		if :: w < need[n] || rank[under[n]] >= rank[target[n]] -> ok = false; goto done :: else fi;
		choose_cut()
	:: RULES && w >= ADMIN -> kind[n] = BAN; need[n] = ADMIN; if :: target[n] = E :: target[n] = Z fi
	:: under[n] != R -> kind[n] = LEAVE; need[n] = RELAY; choose_prev()
	fi
}

inline forget()
{
	for (x : 0 .. N - 1) {
		kind[x] = 0; under[x] = 0; past[x] = 0; target[x] = 0; level[x] = 0; flags[x] = 0; keep[x] = 0; seal[x] = 0;
		boxed[x] = 0; need[x] = 0; denies[x] = 0; denied[x] = 0; gives[x] = 0; order[x] = 0
	}
	for (x : BASE .. BASE + N - 1) { key[x] = 0; rank[x] = 0; role[x] = 0; person[x] = 0; line[x] = 0 }
	n = N; t = 0; w = 0; ok = true; first = false
}

init {
	d_step {
		key[R] = R; rank[R] = 0; role[R] = ADMIN; person[R] = bit(R); line[R] = bit(R);
		key[A] = A; rank[A] = 1; role[A] = ADMIN; person[A] = bit(A); line[A] = bit(A);
		key[B] = B; rank[B] = 1; role[B] = ADMIN; person[B] = bit(B); line[B] = bit(B);
		key[M] = M; rank[M] = 2; role[M] = ADMIN; person[M] = bit(M); line[M] = bit(M);
		key[E] = E; rank[E] = 4; role[E] = WRITE; person[E] = bit(E); line[E] = bit(E)
	}
	do
	:: n < N ->
		atomic {
			ok = true;
			choose();
			skip;
			d_step { judge(); if :: ok -> check() :: else fi; t = 0; w = 0; first = false; n++ };
done:			if
			:: ok && n < N -> skip
			:: else -> d_step { forget() }
			fi
		}
	:: else -> break
	od
}
