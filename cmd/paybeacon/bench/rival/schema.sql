CREATE TABLE accounts (
    id      text PRIMARY KEY,
    balance bigint NOT NULL CHECK (balance >= 0)
);
CREATE TABLE payments (
    id       uuid PRIMARY KEY,
    merchant text NOT NULL,
    key      text NOT NULL,
    wallet   text NOT NULL,
    amount   bigint NOT NULL CHECK (amount > 0),
    state    text NOT NULL,
    expires  timestamptz NOT NULL,
    UNIQUE (merchant, key)
);
CREATE INDEX payments_due ON payments (expires) WHERE state = 'offered';
CREATE TABLE facts (
    id      bigserial PRIMARY KEY,
    payment uuid NOT NULL,
    kind    text NOT NULL,
    raw     bytea NOT NULL
);
CREATE TABLE postings (
    id      bigserial PRIMARY KEY,
    payment uuid NOT NULL,
    account text NOT NULL,
    amount  bigint NOT NULL
);
CREATE TABLE feed (
    id    bigserial PRIMARY KEY,
    scope text NOT NULL,
    raw   bytea NOT NULL
);
CREATE INDEX feed_of ON feed (scope, id);
