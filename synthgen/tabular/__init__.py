"""Tables: what the catalog may name. Strings only, so that naming a generator imports nothing heavy."""

from synthgen.contracts import Entry, Modality
from synthgen.tabular.metrics import METRICS

FACTORED = frozenset({"condition", "balance", "constrain", "impute", "follow"})

NOTICE = """The rows were drawn by a generative model that learnt from a real table. Some may equal a real row by
chance: see copied_rows in the report.

data.csv, data.parquet   the rows (data.xlsx too where the source was an Excel workbook)
schema.json              the columns: kind, type, how cells are written"""

TABULAR = Modality(
    name="tabular",
    title="Table",
    functions={
        "read": "synthgen.tabular.io:read",
        "from_memory": "synthgen.tabular.io:from_memory",
        "infer": "synthgen.tabular.inference:infer",
        "typed": "synthgen.tabular.conversion:typed",
        "read_alike": "synthgen.tabular.alike:read",
        "must_be_whole": "synthgen.tabular.alike:must_be_whole",
        "overlap": "synthgen.tabular.alike:overlap",
        "people": "synthgen.tabular.splitting:people_of",
        "presented": "synthgen.tabular.conversion:presented",
        "load_schema": "synthgen.tabular.schema:load",
        "split": "synthgen.tabular.splitting:split",
        "cautions": "synthgen.tabular.cautions:cautions",
        "cautions_of_schema": "synthgen.tabular.cautions:of_schema",
        "cautions_of_balance": "synthgen.tabular.cautions:of_balance",
        "cautions_of_relations": "synthgen.tabular.cautions:of_relations",
        "census": "synthgen.tabular.modes:census",
        "check_request": "synthgen.tabular.requests:check_request",
        "check_without_source": "synthgen.tabular.requests:check_without_source",
        "choose": "synthgen.tabular.choice:choose",
        "prepare": "synthgen.tabular.keys:prepare",
        "complete": "synthgen.tabular.keys:complete",
        "check_private": "synthgen.tabular.private.refusals:check",
        "private_schema": "synthgen.tabular.private.checking:private_schema",
        "declared_private": "synthgen.tabular.private.checking:declared_ends",
        "prepare_private": "synthgen.tabular.private.checking:prepare",
        "learn_sieve": "synthgen.tabular.filtering:learn",
        "key_notes": "synthgen.tabular.cautions:of_set",
        "check_constraints": "synthgen.tabular.constraints:check",
        "check_attacks": "synthgen.tabular.metrics.attacks.secrets:check",
        "learn_constraints": "synthgen.tabular.constraints:learn",
        "load_constraints": "synthgen.tabular.constraints:Rules.load",
        "learn_joint": "synthgen.tabular.joint:learn",
        "load_joint": "synthgen.tabular.joint:Joint.load",
        "check_predicates": "synthgen.tabular.mending:check_predicates",
        "impute": "synthgen.tabular.imputing:impute",
        "impute_file": "synthgen.tabular.imputing:impute_file",
        "impute_source": "synthgen.tabular.imputing:impute_source",
        "load_keys": "synthgen.tabular.keys:KeyModel.load",
        "write": "synthgen.tabular.sets:write",
        "open_set": "synthgen.tabular.sets:open_set",
        "export": "synthgen.tabular.sets:export",
        "preview": "synthgen.tabular.preview:preview",
        "plots": "synthgen.tabular.preview:plots",
        "set_preview": "synthgen.tabular.preview:set_preview",
        "export_file": "synthgen.tabular.sets:export_file",
        "summary": "synthgen.tabular.telling:summary",
        "safe_schema": "synthgen.tabular.telling:safe_schema",
        "nameable": "synthgen.tabular.telling:nameable",
    },
    generators={
        "autoregressive_gan": Entry(
            "synthgen.tabular.gan:AutoregressiveGAN",
            "Autoregressive conditional GAN with the worst-case surprise loss",
            "synthgen.tabular.params:AutoregressiveParams",
            capabilities=FACTORED | {"log_prob", "relate"},
            private="synthgen.tabular.private.gan:PrivateGAN",
        ),
        "critic_gan": Entry(
            "synthgen.tabular.critic_gan:CriticGAN",
            "Critic-only conditional GAN with the worst-case surprise loss (CTGAN-like networks)",
            "synthgen.tabular.params:CriticGanParams",
            capabilities=frozenset({"condition", "balance", "follow", "relate"}),
        ),
        "ctgan": Entry(
            "synthgen.tabular.ctgan_baseline:CtganBaseline",
            "CTGAN (stock, for comparison; Business Source Licence)",
            "synthgen.tabular.params:CtganParams",
            capabilities=frozenset({"follow"}),
        ),
        "tvae": Entry(
            "synthgen.tabular.ctgan_baseline:TvaeBaseline",
            "TVAE (stock, for comparison; Business Source Licence)",
            "synthgen.tabular.params:TvaeParams",
            capabilities=frozenset({"follow"}),
        ),
        "gaussian_copula": Entry(
            "synthgen.tabular.gaussian_copula:GaussianCopula",
            "Gaussian copula (quick and simple; right margins, one correlation a pair)",
            "synthgen.tabular.params:GaussianCopulaParams",
            capabilities=FACTORED | {"relate"},
        ),
        "smote_nc": Entry(
            "synthgen.tabular.smote:SmoteNC",
            "SMOTE-NC (copies real people: benchmark only)",
            "synthgen.tabular.params:SmoteParams",
            capabilities=frozenset({"follow"}),
            holds_records=True,
        ),
        "independent": Entry(
            "synthgen.tabular.baselines:IndependentColumns",
            "Independent columns (baseline: of what relates columns only what is looked up or worked out is kept)",
            "synthgen.tabular.params:IndependentParams",
            capabilities=FACTORED | {"log_prob"},
        ),
    },
    metrics=METRICS,
    notice=NOTICE,
)
