def test_a_table_reads_probes_of_true_factors_alone(project_table):
    table = project_table("true_factors")
    assert table.evaluation_files == ("true_factors.csv",)
    assert not table.reads_run_metadata
    assert table.of_decomposers
