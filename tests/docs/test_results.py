"""docs/results.py: what the blocks of a page print is written under them."""

from __future__ import annotations

from docs.results import renewed

PAGE = """
```python
x = 2
```

Some words.

```python
print(x)
x + 1
```

```text
stale
```

<!-- not run: why -->
```python
never()
```

```text
as it was
```
The end.
"""


def test_results_are_written_anew_and_words_stay() -> None:
    found = renewed(PAGE, "page.md")
    assert found == PAGE.replace("stale\n", "2\n3\n")
    assert renewed(found, "page.md") == found


def test_a_result_is_added_where_none_stood() -> None:
    assert renewed("```python\n1 + 1\n```\n", "p") == "```python\n1 + 1\n```\n\n```text\n2\n```\n"


def test_lines_are_those_of_the_page_that_is_written() -> None:
    text = "```python\nimport sys; sys._getframe().f_lineno\n```\n" * 2
    found = renewed(text, "p")
    assert "```text\n2\n```" in found
    assert "```text\n9\n```" in found
