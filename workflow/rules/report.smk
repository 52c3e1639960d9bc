rule make_table:
    input:
        evaluations=REPORT.table_evaluations,
        runs=REPORT.table_runs,
        corpora=REPORT.corpora_metadata,
    output:
        csv=report(
            "results/report/{study}/tables/{table}.csv",
            category="Tables",
            labels={"table": "{table}", "form": "CSV"},
            caption="../report/make_table.rst",
        ),
        md="results/report/{study}/tables/{table}.md",
        tex="results/report/{study}/tables/{table}.tex",
        html=report(
            "results/report/{study}/tables/{table}.html",
            category="Tables",
            labels={"table": "{table}", "form": "HTML"},
            caption="../report/make_table.rst",
        ),
        findings="results/report/{study}/tables/{table}.json",
    log:
        "results/logs/report/{study}/{table}/make_table.log",
    benchmark:
        "results/benchmarks/report/{study}/{table}/make_table.jsonl"
    params:
        table=REPORT.table,
        tasks=REPORT.table_tasks,
        cross_tasks=REPORT.cross_tasks,
        systems=REPORT.table_systems,
        code=CODE.make_table,
    script:
        "../scripts/make_table.py"


rule make_claims:
    input:
        tables=REPORT.claim_tables,
        runs=REPORT.claim_runs,
    output:
        csv=report(
            "results/report/{study}/claims.csv",
            category="Claims",
            labels={"form": "CSV"},
            caption="../report/make_claims.rst",
        ),
        md="results/report/{study}/claims.md",
        tex="results/report/{study}/claims.tex",
        html=report(
            "results/report/{study}/claims.html",
            category="Claims",
            labels={"form": "HTML"},
            caption="../report/make_claims.rst",
        ),
    log:
        "results/logs/report/{study}/make_claims.log",
    benchmark:
        "results/benchmarks/report/{study}/make_claims.jsonl"
    params:
        claims=REPORT.claims,
        code=CODE.of("make_claims"),
    script:
        "../scripts/make_claims.py"


rule make_figure:
    input:
        files=REPORT.figure_files,
    output:
        png=report(
            "results/report/{study}/figures/{figure}.png",
            category="Figures",
            labels={"figure": "{figure}"},
            caption="../report/make_figure.rst",
        ),
        svg="results/report/{study}/figures/{figure}.svg",
    log:
        "results/logs/report/{study}/{figure}/make_figure.log",
    benchmark:
        "results/benchmarks/report/{study}/{figure}/make_figure.jsonl"
    params:
        figure=REPORT.figure,
        tasks=REPORT.figure_tasks,
        table=REPORT.figure_table,
        code=CODE.make_figure,
    script:
        "../scripts/make_figure.py"


rule render_audio_examples:
    input:
        model=TRAINING.example_model,
        folds="results/corpora/folds/{task}.csv",
        decomposer_folds=TRAINING.example_folds,
        features=TRAINING.spectrograms,
        pitch=TRAINING.pitch,
    output:
        examples=report(
            directory(
                "results/report/{study}/audio_examples/{task}/{system}/{variant}"
            ),
            patterns=["{example}.mp3"],
            category="Audio examples",
            labels={
                "task": "{task}",
                "decomposer": "{variant}",
                "example": "{example}",
            },
            caption="../report/render_audio_examples.rst",
        ),
    log:
        "results/logs/report/{study}/audio_examples/{task}/{system}/{variant}/render_audio_examples.log",
    benchmark:
        "results/benchmarks/report/{study}/audio_examples/{task}/{system}/{variant}/render_audio_examples.jsonl"
    resources:
        gpu=GPUS,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
    params:
        run=TRAINING.run_settings,
        arguments=TRAINING.arguments,
        classes=TRAINING.classes,
        compute=STUDY.compute.of_results,
        features=TRAINING.spectrogram_settings,
        code=CODE.render_audio_examples,
    script:
        "../scripts/render_audio_examples.py"


rule plot_corpus:
    input:
        manifest="results/corpora/manifests/{corpus}.csv",
        audio=ancient(CORPORA.synthesized_audio),
    output:
        overview=report(
            directory("results/report/{study}/corpora/{corpus}"),
            patterns=["{plot}.png", "{plot}.svg"],
            category="Corpora",
            labels={"corpus": "{corpus}", "plot": "{plot}"},
            caption="../report/plot_corpus.rst",
        ),
    log:
        "results/logs/report/{study}/corpora/{corpus}/plot_corpus.log",
    benchmark:
        "results/benchmarks/report/{study}/corpora/{corpus}/plot_corpus.jsonl"
    params:
        root=CORPORA.root,
        f0_method=STUDY.f0_method,
        code=CODE.plot_corpus,
    script:
        "../scripts/plot_corpus.py"


rule make_page:
    input:
        claims="results/report/{study}/claims.html",
        tables=expand(
            "results/report/{{study}}/tables/{table}.html", table=STUDY.tables
        ),
        findings=expand(
            "results/report/{{study}}/tables/{table}.json", table=STUDY.tables
        ),
        figures=expand(
            "results/report/{{study}}/figures/{figure}.svg", figure=STUDY.figures
        ),
        audits=expand("results/corpora/audits/{task}.json", task=STUDY.tasks),
        corpora=REPORT.corpora_metadata,
        overviews=expand(
            "results/report/{{study}}/corpora/{corpus}", corpus=STUDY.corpora
        ),
        runs=REPORT.runs,
        shuffles=REPORT.shuffles,
        audio_examples=REPORT.audio_examples,
    output:
        page=report(
            "results/report/{study}/index.html",
            category="Page",
            labels={"page": "the whole study"},
            caption="../report/make_page.rst",
        ),
        costs=report(
            "results/report/{study}/costs.csv",
            category="Cost",
            labels={"of": "each variant"},
            caption="../report/costs.rst",
        ),
        rule_costs=report(
            "results/report/{study}/rule_costs.csv",
            category="Cost",
            labels={"of": "each rule"},
            caption="../report/costs.rst",
        ),
    log:
        "results/logs/report/{study}/make_page.log",
    benchmark:
        "results/benchmarks/report/{study}/make_page.jsonl"
    params:
        page=REPORT.page_settings,
        rules=[rule.name for rule in workflow.rules],
        templates=templates_hash(BASE / "src/emofactors/report/page/templates"),
        code=CODE.of("make_page"),
    script:
        "../scripts/make_page.py"
