BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE artifacts (
	dataset_id VARCHAR(32) NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	name VARCHAR(300) NOT NULL, 
	"key" VARCHAR(600) NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_file UNIQUE (project_id, job_id, name)
);
INSERT INTO "artifacts" VALUES('7bcf17ae4eb249aabdf59dd62caf0e5d','bae530005b1f49e3b8b2a7bf213b4485','schema.json','projects/default/datasets/7bcf17ae4eb249aabdf59dd62caf0e5d/jobs/bae530005b1f49e3b8b2a7bf213b4485/1/outputs/schema.json',15,'9b8f4e8d407f8cd0ea9a982ef7b4067f66ad2a43ccdc7ff8581eff02658a7d03','41548b3343e34475808ee1d78a25ccea','default','2026-11-22 17:08:57.908000');
INSERT INTO "artifacts" VALUES('7bcf17ae4eb249aabdf59dd62caf0e5d','bae530005b1f49e3b8b2a7bf213b4485','preview.json','projects/default/datasets/7bcf17ae4eb249aabdf59dd62caf0e5d/jobs/bae530005b1f49e3b8b2a7bf213b4485/1/outputs/preview.json',12,'0fc3c38b2208033a70a1fff03b2ff41c6d866e25beaaf0f310a8ab3e30ef17c6','0c3ba6e0bf704a6aa6f9565521571c23','default','2026-11-22 17:08:57.908000');
CREATE TABLE audit (
	person_id VARCHAR(32) NOT NULL, 
	action VARCHAR(60) NOT NULL, 
	subject VARCHAR(64) NOT NULL, 
	detail JSON NOT NULL, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES('8e16feac777244f289f0f46a6b8bc71a','job.submitted.inspect','bae530005b1f49e3b8b2a7bf213b4485','{"dataset_id": "7bcf17ae4eb249aabdf59dd62caf0e5d"}','a6b4ef13fba249898f7ab2ccbea3bae5','default','2026-11-22 17:08:57.476000');
INSERT INTO "audit" VALUES('8e16feac777244f289f0f46a6b8bc71a','dataset.added','7bcf17ae4eb249aabdf59dd62caf0e5d','{"size": 1335, "sha256": "604bb2fb40e7318db399817148862509b4722c3cf25d496c8575f901489058c7"}','384db4b6fa43414e84da8629c7848af9','default','2026-11-22 17:08:57.476000');
INSERT INTO "audit" VALUES('8e16feac777244f289f0f46a6b8bc71a','job.submitted.fit','ae82dacb09dd4b59acfb5ec97c8beed3','{"dataset_id": "7bcf17ae4eb249aabdf59dd62caf0e5d"}','6638a771c92e4cf693269bc36e9565e8','default','2026-11-22 17:08:58.364000');
INSERT INTO "audit" VALUES('8e16feac777244f289f0f46a6b8bc71a','job.submitted.fit','8bdcd8b653cc4acab8b7061b74bd5b53','{"dataset_id": "7bcf17ae4eb249aabdf59dd62caf0e5d"}','1faec0213ab348e2817a17f4d7b2ca93','default','2026-11-22 17:08:58.780000');
INSERT INTO "audit" VALUES('8e16feac777244f289f0f46a6b8bc71a','job.submitted.inspect','7e45e8d2cf3541ad967bc0917832ddc4','{"dataset_id": "598fd84695e34156bf1db4283a08df2e"}','f7317dbcdf9f473cbe92eeab797bcae9','default','2026-11-22 17:08:58.884000');
INSERT INTO "audit" VALUES('8e16feac777244f289f0f46a6b8bc71a','dataset.added','598fd84695e34156bf1db4283a08df2e','{"size": 29, "sha256": "9cac428a463610c22b2f5e4c63828ad6c7cae037662d1980545ada1de9290932"}','1a249e235d1e458993659ede16551bf4','default','2026-11-22 17:08:58.884000');
CREATE TABLE datasets (
	name VARCHAR(200) NOT NULL, 
	filename VARCHAR(200) NOT NULL, 
	size BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	source_key VARCHAR(400) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	rows BIGINT, 
	columns INTEGER, 
	error TEXT, 
	inspect_job_id VARCHAR(32), 
	idempotency_key VARCHAR(200), 
	created_by VARCHAR(200) NOT NULL, 
	erased_at DATETIME, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, overrides_key VARCHAR(400), modality VARCHAR(20) DEFAULT 'tabular' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_upload UNIQUE (project_id, idempotency_key)
);
INSERT INTO "datasets" VALUES('ward','ward.csv',1335,'604bb2fb40e7318db399817148862509b4722c3cf25d496c8575f901489058c7','projects/default/datasets/7bcf17ae4eb249aabdf59dd62caf0e5d/source','ready',120,3,NULL,'bae530005b1f49e3b8b2a7bf213b4485',NULL,'eva',NULL,'7bcf17ae4eb249aabdf59dd62caf0e5d','default','2026-11-22 17:08:57.476000',NULL,'tabular');
INSERT INTO "datasets" VALUES('later','later.csv',29,'9cac428a463610c22b2f5e4c63828ad6c7cae037662d1980545ada1de9290932','projects/default/datasets/598fd84695e34156bf1db4283a08df2e/source','inspecting',NULL,NULL,NULL,'7e45e8d2cf3541ad967bc0917832ddc4',NULL,'eva',NULL,'598fd84695e34156bf1db4283a08df2e','default','2026-11-22 17:08:58.884000',NULL,'tabular');
CREATE TABLE gate_overrides (
	set_id VARCHAR(32) NOT NULL, 
	reason TEXT NOT NULL, 
	failed JSON NOT NULL, 
	requested_by_id VARCHAR(32) NOT NULL, 
	requested_by VARCHAR(200) NOT NULL, 
	confirmed_by_id VARCHAR(32), 
	confirmed_by VARCHAR(200), 
	confirmed_at DATETIME, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_override UNIQUE (project_id, set_id)
);
CREATE TABLE job_events (
	job_id VARCHAR(32) NOT NULL, 
	seq INTEGER NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	at DATETIME NOT NULL, 
	payload JSON NOT NULL, 
	PRIMARY KEY (job_id, seq)
);
INSERT INTO "job_events" VALUES('bae530005b1f49e3b8b2a7bf213b4485',1,'default','state','2026-11-22 17:08:57.476000','{"state": "queued"}');
INSERT INTO "job_events" VALUES('bae530005b1f49e3b8b2a7bf213b4485',2,'default','state','2026-11-22 17:08:57.644000','{"state": "running", "attempt": 1, "worker": "old"}');
INSERT INTO "job_events" VALUES('bae530005b1f49e3b8b2a7bf213b4485',3,'default','state','2026-11-22 17:08:57.908000','{"state": "succeeded"}');
INSERT INTO "job_events" VALUES('ae82dacb09dd4b59acfb5ec97c8beed3',1,'default','state','2026-11-22 17:08:58.364000','{"state": "queued"}');
INSERT INTO "job_events" VALUES('8bdcd8b653cc4acab8b7061b74bd5b53',1,'default','state','2026-11-22 17:08:58.780000','{"state": "queued"}');
INSERT INTO "job_events" VALUES('7e45e8d2cf3541ad967bc0917832ddc4',1,'default','state','2026-11-22 17:08:58.884000','{"state": "queued"}');
INSERT INTO "job_events" VALUES('8bdcd8b653cc4acab8b7061b74bd5b53',2,'default','state','2026-11-22 17:08:58.920000','{"state": "running", "attempt": 1, "worker": "a worker of the old release"}');
CREATE TABLE jobs (
	kind VARCHAR(20) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	dataset_id VARCHAR(32) NOT NULL, 
	parent_id VARCHAR(32), 
	set_id VARCHAR(32), 
	release_id VARCHAR(32), 
	spec JSON NOT NULL, 
	spec_key VARCHAR(400), 
	spec_digest VARCHAR(64) NOT NULL, 
	idempotency_key VARCHAR(200), 
	fence INTEGER NOT NULL, 
	lease_until DATETIME, 
	attempts INTEGER NOT NULL, 
	cancel_requested BOOLEAN NOT NULL, 
	checkpoint JSON NOT NULL, 
	event_seq INTEGER NOT NULL, 
	stage VARCHAR(80) NOT NULL, 
	progress DOUBLE NOT NULL, 
	eta_seconds DOUBLE, 
	error_code VARCHAR(40), 
	error TEXT, 
	hint TEXT, 
	worker VARCHAR(200), 
	created_by VARCHAR(200) NOT NULL, 
	queued_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_submission UNIQUE (project_id, idempotency_key)
);
INSERT INTO "jobs" VALUES('inspect','succeeded','7bcf17ae4eb249aabdf59dd62caf0e5d',NULL,NULL,NULL,'{}',NULL,'',NULL,1,NULL,1,0,'[]',3,'done',1.0,NULL,NULL,NULL,NULL,'old','eva','2026-11-22 17:08:57.476000','2026-11-22 17:08:57.644000','2026-11-22 17:08:57.908000','bae530005b1f49e3b8b2a7bf213b4485','default','2026-11-22 17:08:57.476000');
INSERT INTO "jobs" VALUES('fit','queued','7bcf17ae4eb249aabdf59dd62caf0e5d',NULL,NULL,NULL,'{"modality": "tabular", "generator": "independent", "params": {}, "target": null, "positive": null, "columns": {}, "k_floor": 10, "validation_share": 0.1, "holdout_share": 0.2, "time_budget": 180, "seed": 1, "constraints": [], "sample": {"rows": 50, "mix": "data", "balance": [], "balance_within": null, "fixed": {}, "targets": [], "resample": "2x", "drop": [], "truncation": 1.0, "seed": 0}, "attacks": {"size": "standard", "secrets": [], "known": []}, "privacy": null, "images": {"size": null, "channels": null, "fit": "pad", "grouped": true}, "policy": "open"}','projects/default/datasets/7bcf17ae4eb249aabdf59dd62caf0e5d/jobs/ae82dacb09dd4b59acfb5ec97c8beed3/spec.json','99786bb61b5cf9e5d55c0a1b800cb2e157d2976b8284541cd4431060a63ba2ae',NULL,0,NULL,0,0,'[]',1,'',0.0,NULL,NULL,NULL,NULL,NULL,'eva','2026-11-22 17:08:58.364000',NULL,NULL,'ae82dacb09dd4b59acfb5ec97c8beed3','default','2026-11-22 17:08:58.364000');
INSERT INTO "jobs" VALUES('fit','running','7bcf17ae4eb249aabdf59dd62caf0e5d',NULL,NULL,NULL,'{"modality": "tabular", "generator": "independent", "params": {}, "target": null, "positive": null, "columns": {}, "k_floor": 10, "validation_share": 0.1, "holdout_share": 0.2, "time_budget": 180, "seed": 2, "constraints": [], "sample": {"rows": 50, "mix": "data", "balance": [], "balance_within": null, "fixed": {}, "targets": [], "resample": "2x", "drop": [], "truncation": 1.0, "seed": 0}, "attacks": {"size": "standard", "secrets": [], "known": []}, "privacy": null, "images": {"size": null, "channels": null, "fit": "pad", "grouped": true}, "policy": "open"}','projects/default/datasets/7bcf17ae4eb249aabdf59dd62caf0e5d/jobs/8bdcd8b653cc4acab8b7061b74bd5b53/spec.json','409b07d7bbfa629d88bad072b4f55e9584f93308413401ab40845cfb86a5dd93',NULL,1,'2026-11-22 17:09:28.920000',1,0,'[]',2,'',0.0,NULL,NULL,NULL,NULL,'a worker of the old release','eva','2026-11-22 17:08:58.780000','2026-11-22 17:08:58.920000',NULL,'8bdcd8b653cc4acab8b7061b74bd5b53','default','2026-11-22 17:08:58.780000');
INSERT INTO "jobs" VALUES('inspect','queued','598fd84695e34156bf1db4283a08df2e',NULL,NULL,NULL,'{}',NULL,'',NULL,0,NULL,0,0,'[]',1,'',0.0,NULL,NULL,NULL,NULL,NULL,'eva','2026-11-22 17:08:58.884000',NULL,NULL,'7e45e8d2cf3541ad967bc0917832ddc4','default','2026-11-22 17:08:58.884000');
CREATE TABLE outbox (
	job_id VARCHAR(32) NOT NULL, 
	queue VARCHAR(20) NOT NULL, 
	due_at DATETIME NOT NULL, 
	published_at DATETIME, 
	times INTEGER NOT NULL, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "outbox" VALUES('ae82dacb09dd4b59acfb5ec97c8beed3','training','2026-11-22 17:08:58.364000',NULL,0,'3620d1ab2cf648d29261861d3347a522','default','2026-11-22 17:08:58.364000');
INSERT INTO "outbox" VALUES('7e45e8d2cf3541ad967bc0917832ddc4','quick','2026-11-22 17:08:58.884000',NULL,0,'56a768959fff4e7ba8a71134688f0306','default','2026-11-22 17:08:58.884000');
CREATE TABLE people (
	name VARCHAR(200) NOT NULL, 
	role VARCHAR(20) NOT NULL, 
	password_hash TEXT NOT NULL, 
	disabled_at DATETIME, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_name UNIQUE (project_id, name)
);
INSERT INTO "people" VALUES('eva','admin','x',NULL,'8e16feac777244f289f0f46a6b8bc71a','default','2026-11-22 17:08:56.324000');
CREATE TABLE projects (
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (project_id)
);
CREATE TABLE releases (
	set_id VARCHAR(32) NOT NULL, 
	dataset_id VARCHAR(32) NOT NULL, 
	purpose TEXT NOT NULL, 
	recipient TEXT NOT NULL, 
	note TEXT NOT NULL, 
	released_by VARCHAR(200) NOT NULL, 
	expires_at DATETIME, 
	withdrawn_at DATETIME, 
	withdrawn_by VARCHAR(200), 
	withdrawn_because TEXT, 
	export_job_id VARCHAR(32), 
	filename VARCHAR(200) NOT NULL, 
	bundle_key VARCHAR(600), 
	size BIGINT, 
	sha256 VARCHAR(64), 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE sessions (
	token_hash VARCHAR(64) NOT NULL, 
	person_id VARCHAR(32) NOT NULL, 
	expires_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (token_hash)
);
CREATE TABLE setup_tokens (
	token_hash VARCHAR(64) NOT NULL, 
	expires_at DATETIME NOT NULL, 
	used_at DATETIME, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, invited_by VARCHAR(32), 
	PRIMARY KEY (id), 
	UNIQUE (token_hash)
);
CREATE TABLE sign_in_failures (
	name VARCHAR(200) NOT NULL, 
	failures INTEGER NOT NULL, 
	last_at DATETIME NOT NULL, 
	locked_until DATETIME, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_count UNIQUE (project_id, name)
);
CREATE TABLE synthetic_sets (
	job_id VARCHAR(32) NOT NULL, 
	dataset_id VARCHAR(32) NOT NULL, 
	rows BIGINT NOT NULL, 
	generator VARCHAR(200) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	verdict VARCHAR(20) NOT NULL, 
	summary JSON NOT NULL, 
	release_id VARCHAR(32), 
	reason TEXT, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT one_set UNIQUE (project_id, job_id)
);
CREATE TABLE tokens (
	token_hash VARCHAR(64) NOT NULL, 
	person_id VARCHAR(32) NOT NULL, 
	label VARCHAR(200) NOT NULL, 
	revoked_at DATETIME, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (token_hash)
);
CREATE TABLE workers (
	host VARCHAR(200) NOT NULL, 
	pid INTEGER NOT NULL, 
	queues VARCHAR(200) NOT NULL, 
	last_seen DATETIME NOT NULL, 
	running INTEGER NOT NULL, 
	stopped_at DATETIME, 
	id VARCHAR(32) NOT NULL, 
	project_id VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX artifacts_by_dataset ON artifacts (project_id, dataset_id);
CREATE INDEX audit_newest ON audit (project_id, created_at);
CREATE INDEX datasets_newest ON datasets (project_id, created_at);
CREATE INDEX jobs_by_dataset ON jobs (project_id, dataset_id);
CREATE INDEX jobs_by_state ON jobs (project_id, state, lease_until);
CREATE INDEX jobs_newest ON jobs (project_id, created_at);
CREATE INDEX outbox_by_job ON outbox (project_id, job_id);
CREATE INDEX outbox_due ON outbox (project_id, published_at, due_at);
CREATE INDEX releases_by_set ON releases (project_id, set_id);
CREATE INDEX releases_newest ON releases (project_id, created_at);
CREATE INDEX sets_by_dataset ON synthetic_sets (project_id, dataset_id);
CREATE INDEX sets_newest ON synthetic_sets (project_id, created_at);
CREATE INDEX tokens_by_person ON tokens (project_id, person_id);
COMMIT;
