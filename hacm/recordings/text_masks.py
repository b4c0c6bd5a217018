"""Sixty-four bytes of a text at once: which are printed, end a line or are no plain text, as bits of a number.

A loop over bytes cannot foretell where a field ends and stalls at every one; these need not.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hacm.recordings.decimals import BLANK, NEWLINE, RETURN, TAB

WIDTH = 64
"""Bytes that are looked at; a text needs as many after its end."""

_LANES = ir.VectorType(ir.IntType(8), WIDTH)
_BITS = ir.IntType(WIDTH)
_HIGHEST_ASCII = 127

_compiled_in: Any = intrinsic  # its own types do not know that numba gives the first argument


@_compiled_in
def look(typing_context: Any, text_N: Any, at: Any) -> Any:
    """(printed, newline, carriage return, foreign): bit i is of byte at + i.

    Foreign: neither printed ASCII nor blank, tab or end of line.
    """
    signature = types.UniTuple(types.uint64, 4)(text_N, at)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [builder.sext(arguments[1], ir.IntType(64))])
        lanes = builder.load(builder.bitcast(place, _LANES.as_pointer()))
        lanes.align = 1

        def compare(sign: str, byte: int) -> Any:
            return builder.icmp_unsigned(sign, lanes, ir.Constant(_LANES, [byte] * WIDTH))

        printed, newline, carriage_return = compare(">", BLANK), compare("==", NEWLINE), compare("==", RETURN)
        plain = builder.and_(printed, compare("<=", _HIGHEST_ASCII))
        for mask in (newline, carriage_return, compare("==", BLANK), compare("==", TAB)):
            plain = builder.or_(plain, mask)
        masks = (printed, newline, carriage_return, builder.not_(plain))
        found = [builder.bitcast(mask, _BITS) for mask in masks]
        return cgutils.pack_array(builder, found)

    return signature, generate


@_compiled_in
def count_bits(typing_context: Any, mask: Any) -> Any:
    """How many bits are set."""
    return types.int64(types.uint64), lambda context, builder, signature, arguments: builder.ctpop(arguments[0])


@_compiled_in
def find_bit(typing_context: Any, mask: Any) -> Any:
    """The number of the lowest bit that is set; 64 if none is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate
