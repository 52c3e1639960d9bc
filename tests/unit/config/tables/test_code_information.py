from emofactors.report.tables.code_information import PAIR_KEYS


def test_a_table_reads_estimates_leave_one_out_values_and_run_metadata(project_table):
    table = project_table("code_information")
    assert table.evaluation_files == ("code_information.csv", "code_information_leave_one_out.csv")
    assert table.reads_run_metadata
    assert table.published_sources == (table.published_information,)
    assert project_table("code_information_weight").published_sources == ()


def test_claims_may_name_every_pair_that_the_table_compares(project_table):
    table = project_table("code_information")
    assert table.compared_metrics == tuple(f"{key}_above_null" for key in PAIR_KEYS)
    assert table.compared_pairs == (("cycle", "original"),)
