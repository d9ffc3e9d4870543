"""What a kernel for rows does around its chunks, in LLVM IR: loops over rows, sums over them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from .expand import Steps
from .ir import Block

BLOCKS, TILE = 8, 8  # how many blocks of rows, and sums, are added up at once


def shared_products(steps: Steps, uniform: Sequence[bool]) -> dict[int, tuple[int, int]]:
    """The outputs that are a product of two factors, if many share these, as for weights of a net.

    Then only the factors are kept, for several blocks of rows, and all is added up at once.
    """
    used = Counter(a for _, args in steps.steps for a in args if a.__class__ is int)
    found: dict[int, tuple[int, int]] = {}
    for o, y in enumerate(steps.outputs):
        op, args = steps.step(y)
        if (
            op == "mul"
            and not used[y]
            and not any(a.__class__ is float or uniform[a] for a in args)
        ):
            found[o] = args
    factors = {a for pair in found.values() for a in pair}
    return found if len(found) > 2 * len(factors) else {}


def added(
    products: Mapping[int, tuple[int, int]], factors: Sequence[int], lanes: int, fma: bool
) -> str:
    """The text of a function that adds the products of some blocks of rows to the sums.

    It takes several sums at once that have a factor in common; a table says where all of it lies.
    """
    size = 8 * lanes
    often = Counter(a for pair in products.values() for a in pair)
    groups: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for o, (x, y) in products.items():
        a, c = (x, y) if often[x] >= often[y] else (y, x)
        groups[a].append((o, c))
    place = {s: BLOCKS * size * i for i, s in enumerate(factors)}
    table: list[int] = []
    for a, pairs in groups.items():
        for i in range(0, len(pairs), TILE):
            tile = pairs[i : i + TILE]
            tile += tile[:1] * (TILE - len(tile))  # done twice, with one result
            table += [place[a], *[place[c] for _, c in tile], *[size * o for o, _ in tile]]
    b, width = Block(lanes, fma), 2 * TILE + 1
    b.do(
        f"br label %tile\ntile:\n%t = phi i64 [0, %0], [%following, %put]\n%w = mul i64 %t, {width}"
    )
    places = []
    for j in range(width):
        at = b.let(f"getelementptr i64, ptr @table, i64 {b.let(f'add i64 %w, {j}')}")
        of = "%panel" if j <= TILE else "%out"
        places.append(
            b.let(f"getelementptr i8, ptr {of}, i64 {b.let(f'load i64, ptr {at}, align 8')}")
        )
    sums = places[TILE + 1 :]
    starts = [b.let(f"load {b.double}, ptr {at}, align {size}", again=True) for at in sums]
    b.do("br label %loop\nloop:\n%i = phi i64 [0, %tile], [%next, %loop]")
    top = len(b.lines)
    common, *others = [
        b.let(f"load {b.double}, ptr {b.let(f'getelementptr {b.double}, ptr {at}, i64 %i')}")
        for at in places[: TILE + 1]
    ]
    ends = [b.fma(common, other, f"%s{j}") for j, other in enumerate(others)]
    b.lines[top:top] = [
        f"%s{j} = phi {b.double} [{start}, %tile], [{end}, %loop]"
        for j, (start, end) in enumerate(zip(starts, ends))
    ]
    b.do("%next = add i64 %i, 1\n%more = icmp ult i64 %next, %count")
    b.do("br i1 %more, label %loop, label %put\nput:")
    for at, end in zip(sums, ends):
        b.do(f"store {b.double} {end}, ptr {at}, align {size}")
    b.do("%following = add i64 %t, 1")
    b.do(f"%again = icmp ult i64 %following, {len(table) // width}")
    b.do("br i1 %again, label %tile, label %end\nend:\nret void")
    body, numbers = "\n".join(b.lines), ", ".join(f"i64 {x}" for x in table)
    return (
        f"@table = internal constant [{len(table)} x i64] [{numbers}]\n"
        "define internal void @added(ptr %out, ptr %panel, i64 %count) noinline #0 {\n"
        f"{body}\n}}\n"
    )


def masked(factors: int, lanes: int) -> str:
    """The text of a function that makes all factors 0 in the rows where a guard failed."""
    b, statuses = Block(lanes), f"<{lanes} x i32>"
    b.do(f"%status = load {statuses}, ptr %state, align 4")
    b.do(f"%good = icmp eq {statuses} %status, splat (i32 -1)")
    b.do(f"%outcomes = bitcast {b.bit} %good to i{lanes}")
    b.do(f"%all = icmp eq i{lanes} %outcomes, -1")
    b.do("br i1 %all, label %end, label %loop\nloop:\n%i = phi i64 [0, %0], [%next, %loop]")
    b.do(f"%offset = mul i64 %i, {BLOCKS * 8 * lanes}")
    b.do("%at = getelementptr i8, ptr %panel, i64 %offset")
    b.store(b.select("%good", b.load("double", "%at"), b.number(0.0)), "%at")
    b.do(f"%next = add i64 %i, 1\n%more = icmp ult i64 %next, {factors}")
    b.do("br i1 %more, label %loop, label %end\nend:\nret void")
    body = "\n".join(b.lines)
    head = "define internal void @masked(ptr %state, ptr %panel) noinline #0"
    return f"{head} {{\n{body}\n}}\n"


def unrolled(lanes: int) -> str:
    lines = []
    for j in range(lanes):
        lines += [
            f"%r{j} = add i64 %row, {j}",
            f"%c{j} = icmp slt i64 %r{j}, %last",
            f"%s{j} = select i1 %c{j}, i64 %r{j}, i64 %last",
            f"%o{j} = mul i64 %s{j}, %step",
            f"%a{j} = getelementptr i8, ptr %column, i64 %o{j}",
            f"%x{j} = load double, ptr %a{j}, align 8",
            f"%t{j} = getelementptr double, ptr %target, i64 {j}",
            f"store double %x{j}, ptr %t{j}, align 8",
        ]
    return "\n".join(lines)


PACK = """define internal void
@pack(ptr %columns, ptr %steps, i64 %row, i64 %last, ptr %packed, ptr %table) #0 {{
br label %loop
loop:
%i = phi i64 [0, %0], [%next, %body]
%more = icmp ult i64 %i, {count}
br i1 %more, label %body, label %end
body:
%p = getelementptr ptr, ptr %columns, i64 %i
%column = load ptr, ptr %p, align 8
%q = getelementptr i64, ptr %steps, i64 %i
%step = load i64, ptr %q, align 8
%target = getelementptr <{lanes} x double>, ptr %packed, i64 %i
%to = getelementptr ptr, ptr %table, i64 %i
store ptr %target, ptr %to, align 8
{unrolled}
%next = add i64 %i, 1
br label %loop
end:
ret void
}}
"""
# the words of a call; after them the columns, and for each how many bytes lie between its rows
NUMBERS = ("start", "stop", "last", "pack", "stride", "count")
PLACES = ("out", "status", "ws", "packed", "table")
WORDS = len(NUMBERS + PLACES)
_READ = "\n".join(
    f"%{name}.at = getelementptr i64, ptr %call, i64 {i}\n"
    f"%{name} = load {'i64' if name in NUMBERS else 'ptr'}, ptr %{name}.at, align 8"
    for i, name in enumerate(NUMBERS + PLACES)
)
ROW_LOOP = """define void @rows(ptr %in, ptr %call) #0 {{
READ
%columns = getelementptr i64, ptr %call, i64 WORDS
%steps = getelementptr i64, ptr %columns, i64 %count
%packing = icmp ne i64 %pack, 0
%from = select i1 %packing, ptr %table, ptr %columns
%first = getelementptr i8, ptr %ws, i64 {panel}
%new = icmp eq i64 %start, 0
br i1 %new, label %once, label %begin
once:
call void @first(ptr %in, ptr %ws)
br label %begin
begin:
br label %loop
loop:
%row = phi i64 [%start, %begin], [%next, %finish]
%block = phi i64 [0, %begin], [%following, %finish]
%more = icmp slt i64 %row, %stop
br i1 %more, label %choose, label %end
choose:
br i1 %packing, label %gather, label %body
gather:
call void @pack(ptr %columns, ptr %steps, i64 %row, i64 %last, ptr %packed, ptr %table)
br label %body
body:
%at = phi i64 [%row, %choose], [0, %gather]
%place = getelementptr double, ptr %out, i64 %row
%state = getelementptr i32, ptr %status, i64 %row
%panel = getelementptr <{lanes} x double>, ptr %first, i64 %block
{clear}
{calls}
%next = add i64 %row, {lanes}
%full = add i64 %block, 1
%isfull = icmp eq i64 %block, {last}
br i1 %isfull, label %flush, label %finish
flush:
{flush}
br label %finish
finish:
%following = phi i64 [%full, %body], [0, %flush]
br label %loop
end:
%whole = icmp eq i64 %block, 0
br i1 %whole, label %done, label %rest
rest:
{rest}
br label %done
done:
ret void
}}""".replace("READ", _READ).replace("WORDS", str(WORDS))
