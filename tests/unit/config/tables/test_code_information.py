def test_a_table_reads_estimates_leave_one_out_values_and_run_metadata(project_table):
    table = project_table("code_information")
    assert table.evaluation_files == ("code_information.csv", "code_information_leave_one_out.csv")
    assert table.reads_run_metadata
    assert table.published_sources == (table.published_information,)
    assert project_table("code_information_weight").published_sources == ()
