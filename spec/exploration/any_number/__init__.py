"""Proved for every number of torrent servers, about the charts that run.

Comes in: a scenario (its `torrents` do not count), and perhaps charts in the place of ours. Comes out: for each
property that it *holds for every number*, is *broken with n servers* (a shortest run of the explorer, with the fewest
servers), or is *open*, with the reason. Begin with `verdicts`, which answers;
`certificate` writes the proof down, and `certify`, which shares no code with the search, checks it.

    >>> from spec.exploration.any_number.verdicts import answer
    >>> from spec.exploration.model.scenario import scenario
    >>> found = answer(scenario("standard"))
    >>> found.fixpoint.search.count, found.verdicts[0].word
    (407, 'holds for every number')

**The system.** C(N) is the closed system with N torrent servers: a tracker, a queue to each component, a budget of
bounded faults. A component runs to the end of its step, and what it publishes arrives at all receivers at once (where
both hops are kept apart, what is on its way to the broker is a second queue).

**Views.** For two servers S, the view v_S(c) of a state c keeps the charts of the tracker and of S, without each set
element and mapping key that names a server outside S; their queues, without the events about servers outside S; and the
budget. The tracker's atomic state is kept: with nobody of S pending it says that somebody else is. A clock's atomic
state is derived from its timeouts, and kept only where it is not (`Restriction.check_clock` watches). What a hidden
server tells of steps that nobody had heard when stabilisation began is seen as a whole, since nobody else moves.

Files and fragments name who brought them, so entries of those that hidden servers brought are left out alike. An event
about a hidden server stays, without its name, where it tells everybody of files that are seen (`Restriction.is_seen`).
There are few of these: a tracker tells of a file that its view does not hold, and then holds it.

**The open system.** Its states are views. Its steps are steps of the real charts on *completions* of a view, that is
with hidden servers (*ghosts*) added, restricted again (`open_system`):

1. the tracker or a server of S reads, expires, publishes, starts, breaks or loses, whoever else there is;
2. the tracker serves a ghost: it reads what a ghost has sent, or a ghost's timeout expires;
3. a server of S reads about a ghost;
4. a ghost spends a fault that is bounded for all together.

What a ghost looks like and has sent is not written by anybody: it is what servers of S have looked like and sent, under
other names (`shares`, `knowledge`). Each pair of a ghost with anybody else at the tracker must be known as a pair of S,
with all that is held of both at once (whose file somebody is about to bring); a message must have stood first beside
everybody, and have said of everybody what it said then; and the tracker's collections must have been empty, or not, as
they are then. The search goes on, in rounds, until nothing more becomes known (`fixpoint`): what is known only grows,
so views that are there already take in each round the steps that they did not have before (`Tables.only_more`).

**Theorem.** For every N >= 2, every state c of C(N) and every S, v_S(c) is a state of the open system at its fixpoint.
*Proof*, by induction on the length of the run, for all S at once. Let c -> c', where all views of c are known. (a) A
component of S, or the tracker, does something about S: what it reads stands first in its queue, so also in the queue
that is seen; the completion by the servers that c hides is known pair by pair, by the views of these pairs; so v_S(c')
is an outcome of 1. (b) It reads about a hidden server: that message stands first in the queue of a view with that
server, so 3. (c) The tracker reads what a hidden j sent: it stands first in the views of j with anybody, so 2; its
timeout for j: likewise. (d) A hidden server does something: neither its charts nor its queue are seen, and what it
publishes is about itself, so nothing is seen of it, but a bounded fault: 4. (e) What is about nobody (the tracker's
hello and goodbye, a restart of the broker) stays in every view, so it is read in all alike. (f) A component t of S
reads what is about a hidden g and tells of files of S; only the tracker tells of files (`Ghosts` refuses it
otherwise). In the view of t and g it stood first, while t knew of itself what it knows here; what it says of S is seen
here; and what it says of others is about neither.

*Crashes inside a step.* Who is seen may crash while it reads about a ghost: that is asked as the reading is, in 2 and
3. A hidden server that crashes inside a step has published about itself and pays for it: (d).

*Files that were lost.* Where a tracker can be wiped just so often, its state says how often it was. Else what hidden
servers had sent before would be known of them after it.

*Wills.* The broker says a will in the name of its owner, which is one more step of that server: (d) where it is
hidden, (c) where the tracker reads it. A broker that restarts forgets all wills; each server that is seen notes that.

*Three at once.* That a whole is what all pairs see of it needs that nothing is said of three servers at once, as by a
server that knows which of the others stores whose fragment. Here each stores its own: a request tells of fragments that
are stored, so what t knows of j is about t and j; whose files t brings is about t and each of them; and what a message
says is about its subject and each other. `Pairs` looks at all that any completion comes to, and at all that is sent.

**What it rests on**, and what watches over each assumption:

- Servers differ in their names only: all that charts have said is asked again under exchanged names (`check`), the lint
  refuses a name that stands in a chart, and a view to begin with that names another server is refused.
  Where servers are of several kinds, views are of each two of them (`kinds`).
- What is held and said is held and said of two servers at most: `Pairs` refuses it otherwise, with the attribute. How
  large a collection is that says something of two is not noted: `_refuse_pairs` refuses charts that ask.
- Where somebody brings files, views hold a few of them at a time: the argument stands in `slices`, and `keywise` asks
  the charts again with others.
- A few ghosts stand for any number: of collections indexed by servers charts ask for membership, elements, emptiness,
  and size against a constant: `lint` reads the charts' source and refuses more, with file and line;
  `Knowledge.stands_for_all` counts whether so few are enough for what is asked.
- Of what several ghosts hold of S, it matters whether any of them says something: they are tried with each union of
  what they say (`Knowledge.stands_for_all` counts that, too), and the lint refuses who asks for the first or the least.
- It does not matter which names the others have: one ghost is tried before, between and after the names of S; several
  take turns.
- What a component holds is the sum of what it holds of each server: `merged` refuses what two views of one value cannot
  both be of.
- Whether a component is online, or about to publish, does not depend on others: asked of each completion.
- The broker passes the same to S however many sessions there are: asked with one, two, three and six sessions more.
- An event that is left out because its receiver ignores it is ignored by each completion: asked of each completion;
  certificates are made without this reduction.
- The program that searches has no fault: `certify`; views of N = 2 and 3 are compared in
  `tests/spec/exploration/any_number`.

**Properties.** About the tracker, one or two servers, and equalities of sets of servers, element by element, they are
judged on views. A view counts as quiescent where its queues are empty, nobody of S is timed, and it can be that nobody
else is. That is weaker than that nothing is under way, so what holds there holds all the more. With one server, and for
properties about just two rivals, the explorer answers; where there is a `fixed` number of two, views do.

**Steps.** A property about steps is judged on all that the charts were asked: on *completions*, with ghosts, of which
something is seen. Take a step of C(N) that breaks it, of a component about some server (or about nobody), and let S
hold these. Then by (a), (e) and (f) a completion was asked that agrees with the step on S, before and after it. So a
property is judged well if what breaks it is said of S, or of S and one hidden server that a completion has, and stays
so whoever else there is. Steps about ghosts are left out, since a view with that ghost shows them; but not news of
files that are seen. Whether a fault can still be paid for is not looked at. So a completion that breaks a property may
be of no run: then the explorer is asked, and if it finds none the question is open. A message that all who are seen
ignore is delivered after all where a property needs that (`Options.needs`). That two servers show what a step of the
tracker breaks is tried on random steps of three (`test_slices`).

**Charts of others.** What is said here of a tracker and of torrent servers holds of any charts of which there is one
and any number of interchangeable ones: `open_charts` and `charts_verdicts`, by `clientjoin explore --charts M --members
any`. There completions are joined of pairs as both are seen together (`completions`), so that the order of a list is
kept.

**Runs.** That every run terminates is asked of the steps between views, with an argument of its own: `termination`.

**What stays open.** What becomes of one server in every run; what only views of three servers would show. Views can be
too many: then a property that holds is *open*.
"""
