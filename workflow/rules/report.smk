rule make_table:
    input:
        confusions=confusions_of_table,
        scores=scores_of_table,
        probes=probes_of_table,
        codes=codes_of_table,
        notes=notes_of_study,
    output:
        csv=report(
            "results/report/tables/{table}.csv",
            category="Tables",
            labels={"table": "{table}", "form": "CSV"},
            caption="../report/make_table.rst",
        ),
        md="results/report/tables/{table}.md",
        tex="results/report/tables/{table}.tex",
        html=report(
            "results/report/tables/{table}.html",
            category="Tables",
            labels={"table": "{table}", "form": "HTML"},
            caption="../report/make_table.rst",
        ),
    log:
        "results/logs/report/{table}/make_table.log",
    benchmark:
        "results/benchmarks/report/{table}/make_table.jsonl"
    params:
        table=table_settings,
        tasks=tasks_of_table,
        others=other_tasks_of_table,
        systems=systems_of_table,
        intervals=STUDY.intervals.model_dump(mode="json"),
        code=code_of("make_table"),
    script:
        "../scripts/make_table.py"


rule make_figure:
    input:
        sources=sources_of_figure,
    output:
        png=report(
            "results/report/figures/{figure}.png",
            category="Figures",
            labels={"figure": "{figure}"},
            caption="../report/make_figure.rst",
        ),
        svg="results/report/figures/{figure}.svg",
    log:
        "results/logs/report/{figure}/make_figure.log",
    benchmark:
        "results/benchmarks/report/{figure}/make_figure.jsonl"
    params:
        figure=figure_settings,
        tasks=tasks_of_figure,
        table=sweep_settings,
        intervals=intervals_of_figure,
        code=code_of("make_figure"),
    script:
        "../scripts/make_figure.py"


rule render_audio_examples:
    input:
        model=decomposer_of_sounds,
        folds="results/corpora/folds/{task}.csv",
        decomposer_folds=folds_of_decomposer,
        mel=spectrograms_of_decomposer,
        f0=pitch_of_decomposer,
    output:
        sounds=report(
            directory("results/report/sounds/{task}/{system}/{variant}"),
            patterns=["{sound}.mp3"],
            category="AudioExamples",
            labels={"task": "{task}", "decomposer": "{variant}", "sound": "{sound}"},
            caption="../report/render_audio_examples.rst",
        ),
    log:
        "results/logs/report/sounds/{task}/{system}/{variant}/render_audio_examples.log",
    benchmark:
        "results/benchmarks/report/sounds/{task}/{system}/{variant}/render_audio_examples.jsonl"
    resources:
        gpu=gpus,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
    params:
        run=run_settings,
        arguments=system_arguments,
        classes=classes_of_task,
        compute=STUDY.compute.of_results,
        mel_settings=spectrogram_settings,
        code=sound_code,
    script:
        "../scripts/render_audio_examples.py"


rule plot_corpus:
    input:
        manifest="results/corpora/manifests/{corpus}.csv",
        audio=ancient(synthesised_audio),
    output:
        glance=report(
            directory("results/report/corpora/{corpus}"),
            patterns=["{picture}.png", "{picture}.svg"],
            category="Corpora",
            labels={"corpus": "{corpus}", "picture": "{picture}"},
            caption="../report/plot_corpus.rst",
        ),
    log:
        "results/logs/report/corpora/{corpus}/plot_corpus.log",
    benchmark:
        "results/benchmarks/report/corpora/{corpus}/plot_corpus.jsonl"
    params:
        root=corpus_root,
        f0_method=STUDY.f0_method,
        code=drawing_code,
    script:
        "../scripts/plot_corpus.py"


rule make_page:
    input:
        fragments=expand("results/report/tables/{table}.html", table=STUDY.tables),
        scores=expand("results/report/tables/{table}.csv", table=STUDY.tables),
        figures=expand("results/report/figures/{figure}.svg", figure=STUDY.figures),
        audits=expand("results/corpora/audits/{task}.json", task=STUDY.tasks),
        notes=notes_of_study,
        corpus_overviews=expand("results/report/corpora/{corpus}", corpus=STUDY.corpora),
        runs=runs_of_study,
        shuffles=shuffles_of_study,
        sounds=sounds_of_study,
    output:
        page=report(
            "results/report/index.html",
            category="Page",
            labels={"page": "the whole study"},
            caption="../report/make_page.rst",
        ),
        costs=report(
            "results/report/costs.csv",
            category="Cost",
            labels={"of": "each variant"},
            caption="../report/costs.rst",
        ),
        rule_costs=report(
            "results/report/rule_costs.csv",
            category="Cost",
            labels={"of": "each rule"},
            caption="../report/costs.rst",
        ),
    log:
        "results/logs/report/make_page.log",
    benchmark:
        "results/benchmarks/report/make_page.jsonl"
    params:
        study=whole_study,
        rules=rules_in_order,
        templates=templates_hash,
        code=code_of("make_page"),
    script:
        "../scripts/make_page.py"
