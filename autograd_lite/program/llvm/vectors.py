"""The IR of a point whose program has much that is alike: loops over vectors, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .alike import ALONG, CONSTANT, Loop, Plan, Run
from .chunks import ARGUMENTS, CHUNK, Chunk
from .ir import Block

if TYPE_CHECKING:
    from .chunks import Writer

LOOP = """define internal void @{name}({arguments}) noinline #0 {{
{scratch}br label %loop
loop:
%i = phi i64 [ 0, %0 ], [ %next, %loop ]
{body}
%on = add i64 %i, {lanes}
%over = icmp ugt i64 %on, {last}
%next = select i1 %over, i64 {last}, i64 %on
%done = icmp eq i64 %i, {last}
br i1 %done, label %end, label %loop
end:
ret void
}}"""
# four packs at a time, since each addition waits for the one before
SUM = """define internal void @{name}({arguments}) noinline #0 {{
%from = getelementptr i8, ptr {base}, i64 {first}
br label %loop
loop:
%i = phi i64 [ 0, %0 ], [ %on, %loop ]
{phis}
{body}
%on = add i64 %i, {step}
%more = icmp ult i64 %on, {full}
br i1 %more, label %loop, label %end
end:
{rest}
store double {total}, ptr {there}, align 8
ret void
}}"""


COPY = """%to{o} = getelementptr i8, ptr %out, i64 {at}
%from{o} = getelementptr i8, ptr {base}, i64 {start}
call void @llvm.memcpy.p0.p0.i64(ptr %to{o}, ptr %from{o}, i64 {size}, i1 false)
"""


def write_point(writer: Writer, plan: Plan, lanes: int) -> list[str]:
    """Writes the functions of a point, and gives their names."""
    return Vectors(writer, plan, lanes).names


class Vectors:
    def __init__(self, writer: Writer, plan: Plan, lanes: int) -> None:
        self.writer, self.plan, self.lanes = writer, plan, lanes
        self.steps, self.names = writer.program, list[str]()
        self.needed = self._needed()
        writer.size = 8 * plan.size
        writer.where = {s: 8 * k for s, (space, k) in plan.place.items() if space == "ws"}
        singles: list[tuple[str, int]] = []
        for item in plan.items:
            if isinstance(item, Loop):
                self._singles(singles)
                singles = []
                self._loop(item)
                continue
            for s in item:
                if self._is_long_sum(s):
                    self._singles(singles)
                    singles = []
                    self._sum(s)
                else:
                    singles.append(("step", s))
        singles += [("guard", g) for g in range(len(self.steps.guards))]
        self._singles(singles)  # before outputs are copied
        self._singles(self._outputs())

    def _needed(self) -> set[int]:
        """The slots that are read from memory, somewhere else than where they are made."""
        home: dict[int, int] = {}
        for k, item in enumerate(self.plan.items):
            members = item if isinstance(item, list) else [s for r in item.runs for s in r.members]
            home.update(dict.fromkeys(members, k))
        n = self.steps.inputs
        found = {y for y in self.steps.outputs if y.__class__ is int}
        found |= {slot for slot, _ in self.steps.guards if slot.__class__ is int}
        for s, (_, args) in enumerate(self.steps.steps, n):
            found |= {a for a in args if a.__class__ is int and a >= n and home[a] != home[s]}
            if len(args) > 3:
                found |= {a for a in args if a.__class__ is int}
        return found

    def _name(self) -> str:
        self.names.append(f"part.{len(self.names)}")
        return self.names[-1]

    def _singles(self, items: list[tuple[str, int]]) -> None:
        """Functions of single steps, guards and outputs."""
        made, weight = Chunk(self.writer, 1, False), 0
        for kind, i in items:
            getattr(made, kind)(i)
            if kind == "step":
                _, args = self.steps.steps[i - self.steps.inputs]
                weight += max(1, len(args))
                made.keep(i, self.writer.where[i])
            else:
                weight += 1
            if weight > CHUNK:
                self.writer.finish(self._name(), made)
                made, weight = Chunk(self.writer, 1, False), 0
        if made.block.lines:
            self.writer.finish(self._name(), made)

    def _loop(self, loop: Loop) -> None:
        made = Body(self.writer, self.lanes, self.plan)
        for run in loop.runs:
            made.run(run)
            if not self.needed.isdisjoint(run.members):
                made.store(run.members[0])
        self.writer.declared |= made.block.declared
        self.writer.scratch = max(self.writer.scratch, 8 * made.place.used)
        scratch = "%scratch = getelementptr i8, ptr %ws, i64 SCRATCH\n" if made.place.used else ""
        self.writer.functions.append(
            LOOP.format(
                name=self._name(),
                arguments=ARGUMENTS,
                scratch=scratch,
                body="\n".join(made.block.lines),
                lanes=self.lanes,
                last=loop.length - self.lanes,
            )
        )

    def _outputs(self) -> list[tuple[str, int]]:
        """Copies outputs that are neighbours, and gives the others."""
        outputs = [y if y.__class__ is int else None for y in self.steps.outputs]
        place: dict[int | None, tuple[str, int]] = dict(self.plan.place.items())
        rest: list[tuple[str, int]] = []
        copies = []
        start = 0
        while start < len(outputs):
            stop = start + 1
            space, k = place.get(outputs[start], ("", 0))
            while stop < len(outputs) and place.get(outputs[stop]) == (space, k + stop - start):
                stop += 1
            if stop - start < 2 * self.lanes:
                rest += [("output", o) for o in range(start, stop)]
            else:
                base = "%in" if space == "in" else "%ws"
                copies.append(COPY.format(o=start, at=8 * start, base=base, start=8 * k,
                                          size=8 * (stop - start)))  # fmt: skip
            start = stop
        if copies:
            self.writer.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
            body = "".join(copies)
            head = f"define internal void @{self._name()}({ARGUMENTS}) noinline #0"
            self.writer.functions.append(f"{head} {{\n{body}ret void\n}}")
        return rest

    def _neighbours(self, args: Sequence[Any]) -> tuple[int, int]:
        """The longest stretch of neighbours among the terms of a sum: where among the terms, in the
        order of their places, it begins and ends."""
        places = [self.plan.place[a] for a in args]
        best = start = 0, 0
        for i, (space, k) in enumerate(places):
            if not i or places[i - 1] != (space, k - 1):
                start = i, i
            start = start[0], i + 1
            best = max(best, start, key=lambda x: x[1] - x[0])
        return best

    def _is_long_sum(self, s: int) -> bool:
        op, args = self.steps.steps[s - self.steps.inputs]
        if op != "sum" or self.writer.strict or len(args) < 8 * self.lanes:
            return False
        first, last = self._neighbours(self._terms(args)[0])
        return 2 * (last - first) > len(args)

    def _terms(self, args: Sequence[Any]) -> tuple[list[int], list[float]]:
        """The slots among the terms of a sum by their places, and the constants."""
        slots = sorted((a for a in args if a.__class__ is int), key=self.plan.place.__getitem__)
        return slots, [a for a in args if a.__class__ is not int]

    def _sum(self, s: int) -> None:
        """A sum, mostly of neighbours."""
        slots, constants = self._terms(self.steps.steps[s - self.steps.inputs][1])
        start, stop = self._neighbours(slots)
        (space, first), n = self.plan.place[slots[start]], stop - start
        others = [*slots[:start], *slots[stop:]]
        pack, step = f"<{self.lanes} x double>", 4 * self.lanes
        full = n - n % step
        body, phis, rest = [], [], []
        for k in range(4):
            phis.append(f"%s{k} = phi {pack} [ zeroinitializer, %0 ], [ %t{k}, %loop ]")
            body.append(f"%i{k} = add i64 %i, {k * self.lanes}")
            body.append(f"%p{k} = getelementptr double, ptr %from, i64 %i{k}")
            body.append(f"%x{k} = load {pack}, ptr %p{k}, align 8")
            body.append(f"%t{k} = fadd {pack} %s{k}, %x{k}")
        rest += [f"%u0 = fadd {pack} %t0, %t1", f"%u1 = fadd {pack} %t2, %t3"]
        rest.append(f"%u = fadd {pack} %u0, %u1")
        total = "0.0"
        for k in range(self.lanes):
            rest.append(f"%y{k} = extractelement {pack} %u, i64 {k}")
            rest.append(f"%z{k} = fadd double {total}, %y{k}")
            total = f"%z{k}"
        for k in range(full, n):
            rest.append(f"%q{k} = getelementptr double, ptr %from, i64 {k}")
            rest.append(f"%r{k} = load double, ptr %q{k}, align 8")
            rest.append(f"%w{k} = fadd double {total}, %r{k}")
            total = f"%w{k}"
        block = Block()
        for x in constants:
            rest.append(f"%c{len(rest)} = fadd double {total}, {block.number(x)}")
            total = f"%c{len(rest) - 1}"
        for a in others:
            space_of, k = self.plan.place[a]
            base = "%in" if space_of == "in" else "%ws"
            rest.append(f"%a{a} = getelementptr double, ptr {base}, i64 {k}")
            rest.append(f"%b{a} = load double, ptr %a{a}, align 8")
            rest.append(f"%o{a} = fadd double {total}, %b{a}")
            total = f"%o{a}"
        rest.append(f"%there = getelementptr i8, ptr %ws, i64 {self.writer.where[s]}")
        self.writer.functions.append(
            SUM.format(
                name=self._name(),
                arguments=ARGUMENTS,
                base="%in" if space == "in" else "%ws",
                first=8 * first,
                phis="\n".join(phis),
                body="\n".join(body),
                step=step,
                full=full,
                rest="\n".join(rest),
                total=total,
                there="%there",
            )
        )


class Body(Chunk):
    """The inside of a loop: the i-th member of each run and those after it, as many as lanes."""

    def __init__(self, writer: Writer, lanes: int, plan: Plan) -> None:
        super().__init__(writer, lanes, False)
        self.plan = plan
        self.made: dict[int, str] = {}  # by the first member

    def run(self, run: Run) -> None:
        names = [self.argument(kind, a) for kind, a in run.args]
        if run.op in ("where", "and", "or", "not"):
            conditions = 1 if run.op == "where" else len(names)
            for k in range(conditions):
                kind, a = run.args[k]
                if kind != CONSTANT and not self.program.is_condition(a):
                    names[k] = self.truth(names[k])
                elif kind == CONSTANT:
                    names[k] = self.block.splat("i1", "true" if a else "false")
        self.made[run.members[0]] = self.done(run.op, names)

    def argument(self, kind: str, a: int | float) -> str:
        b = self.block
        if kind == CONSTANT or a.__class__ is not int:
            return b.number(a)
        if kind == ALONG and a in self.made:
            return self.made[a]
        pointer = self.pointer(a, kind == ALONG)
        name = b.read(pointer) if kind == ALONG else b.spread(b.read(pointer, lanes=1))
        return self.truth(name) if self.program.is_condition(a) else name

    def pointer(self, a: int, along: bool) -> str:
        b = self.block
        space, k = self.plan.place[a]
        base = b.at("%in" if space == "in" else "%ws", 8 * k)
        return b.let(f"getelementptr double, ptr {base}, i64 %i") if along else base

    def store(self, s: int) -> None:
        b, name = self.block, self.made[s]
        if self.program.is_condition(s):
            name = b.select(name, b.number(1.0), b.number(0.0))
        b.store(name, self.pointer(s, along=True))
