#!/bin/sh
# The main workflow, from an empty folder, on the embedded emulator. Lines with "$" show what a
# user would type, and all of them are run. It needs only Go and leaves nothing behind.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
emulator=
trap 'test -z "$emulator" || kill "$emulator" 2>/dev/null; rm -rf "$work"' EXIT INT TERM

echo "building secretsync, sops and age-keygen (SOPS brings 800 packages: the first build takes minutes) ..."
cd "$here"
mkdir "$work/bin" "$work/project"
go build -o "$work/bin/secretsync" ./cmd/secretsync
go build -o "$work/bin/colleague" ./demo/colleague
go build -o "$work/bin/sops" github.com/getsops/sops/v3/cmd/sops
go build -o "$work/bin/age-keygen" filippo.io/age/cmd/age-keygen
PATH="$work/bin:$PATH"
cd "$work/project"
export HOME="$work" XDG_CONFIG_HOME="$work"

say() { printf '\n# %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; eval "$*"; }
# expect CODE COMMAND: the demo fails if the exit code differs.
expect() {
	want=$1 got=0
	shift
	printf '$ %s\n' "$*"
	eval "$*" || got=$?
	test "$got" = "$want" || { echo "exit code $got, want $want"; exit 1; }
	printf '(exit code %s)\n' "$got"
}

say "A key to encrypt with. In a team, each person and CI have one."
run "age-keygen -o key.txt 2>/dev/null"
run 'export SOPS_AGE_KEY_FILE=$PWD/key.txt'
printf 'creation_rules:\n  - age: %s\n' "$(age-keygen -y key.txt)" > .sops.yaml
run "cat .sops.yaml"

say "The values, encrypted with SOPS. This file is committed."
printf 'stripe:\n  secret_key: sk_demo_%s\nsendgrid: SG.demo.%s\n' "$$" "$$" > prod.enc.yaml
run "sops encrypt -i prod.enc.yaml"
run "head -n 3 prod.enc.yaml | cut -c 1-72"

say "The manifest: which secrets should exist, and where their values come from."
cat > secretsync.yaml <<'YAML'
version: 1
stores:
  default_secrets_store:
    secrets:
      stripe-secret-key:
        from: {sops: prod.enc.yaml, key: stripe.secret_key}
        scopes: [workers, ai_gateway]
        comment: Stripe, payments team
      sendgrid-api-key:
        from: {sops: prod.enc.yaml, key: sendgrid}
YAML
run "cat secretsync.yaml"

say "An emulator of Cloudflare's API instead of an account."
printf '$ %s\n' 'secretsync emulator --listen 127.0.0.1:0 > emulator.env &'
secretsync emulator --listen 127.0.0.1:0 > emulator.env 2>/dev/null &
emulator=$!
tries=0
until grep -q ACCOUNT_ID emulator.env; do
	tries=$((tries + 1))
	test "$tries" -lt 100 || { echo "the emulator does not start"; exit 1; }
	sleep 0.1
done
run ". ./emulator.env"

say "Show what apply would do. (In CI: on every pull request.)"
expect 2 "secretsync plan --detailed-exitcode"

say "Apply. (In CI: on merge.)"
run "secretsync apply --auto-approve"

say "The lockfile is committed too. It contains fingerprints, but no values."
run "sed -n '/\"stores\"/,\$p' secretsync.lock | cut -c 1-100"

say "A second apply does nothing."
run "cp secretsync.lock before.lock"
run "secretsync apply --auto-approve"
run "cmp secretsync.lock before.lock"

say "A colleague changes a secret in the dashboard ..."
run "colleague sendgrid-api-key"

say "... drift finds the change (in CI: from cron), although values cannot be read ..."
expect 2 "secretsync drift"

say "... and apply repairs it."
run "secretsync apply --auto-approve"
expect 0 "secretsync drift"

say "Done. Everything that the demo created is removed."
