"""What each word means on Apache Spark, and what its engine promises: the tests that every engine is held against."""

from tests.warehouse.test_engines import (  # noqa: F401 - they are found here, and get the fixtures of this folder
    test_a_patch_is_a_replace,
    test_a_query_keeps_its_words,
    test_a_query_that_reads_itself_can_be_staged,
    test_a_view_can_be_read_like_what_is_staged,
    test_an_average_lies_where_its_quotient_does,
    test_anchors_of_patterns,
    test_file_backed,
    test_first_by,
    test_late_views,
    test_list_items,
    test_list_rows,
    test_rows_of_several_ticks_that_were_amended_together,
    test_temporary_tables,
    test_transactions,
    test_what_a_statement_raises,
    test_what_a_word_means,
)
