"""A linear program put together by arrays, with its optimum and duals worked out by hand."""

from __future__ import annotations

import pytest

from models.linear_program import LinearProgram


def test_columns_and_rows_are_numbered_one_after_the_other() -> None:
    program = LinearProgram()
    assert program.columns(2).tolist() == [0, 1]
    assert program.columns(3, 1.0).tolist() == [2, 3, 4]
    assert program.rows(4.0).tolist() == [0]
    assert program.rows([1.0, 2.0], equal=True).tolist() == [1, 2]
    assert (program.width, program.height) == (5, 3)


def test_the_optimum_and_its_duals_are_those_worked_out_by_hand() -> None:
    # Least 3a + 5b − 2c with a + b = 4, −b ≤ −1 and c ≤ 6: b = 1, a = 3 and c = 6 give 2. One more
    # in all is one more a (+3), one more that is asked of b takes an a (+2), one more c gives 2.
    program = LinearProgram()
    a, b, c = (int(program.columns(1, cost)[0]) for cost in (3.0, 5.0, -2.0))
    most = program.rows([6.0, -1.0])
    total = program.rows(4.0, equal=True)
    program.put(total, [a, b], 1.0)
    program.put(most, [c, b], [1.0, -1.0])
    found = program.solved()
    assert found.value == pytest.approx(3 * 3 + 5 * 1 - 2 * 6)
    assert found.point == pytest.approx([3.0, 1.0, 6.0])
    assert found.duals == pytest.approx([2.0, 2.0, -3.0])


def test_columns_cost_nothing_unless_they_are_said_to() -> None:
    program = LinearProgram()
    program.put(program.rows([-1.0, -2.0]), program.columns(2), -1.0)
    assert program.solved().value == 0.0


def test_rows_are_limits_unless_they_are_said_to_be_equations() -> None:
    program = LinearProgram()
    first, second = program.columns(2, -1.0).tolist()
    program.put(program.rows([2.0, 3.0, 5.0]), [first, second, second], 1.0)
    found = program.solved()
    assert found.value == pytest.approx(-5.0)
    assert found.duals == pytest.approx([1.0, 1.0, 0.0])  # nobody gains by the loose one


def test_a_program_without_an_optimum_is_an_error() -> None:
    program = LinearProgram()
    program.put(program.rows(-1.0), program.columns(1, 1.0), 1.0)
    with pytest.raises(ArithmeticError, match="was not solved"):
        program.solved()
