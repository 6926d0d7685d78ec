// Package outputs_test names each file of a project as each output of the program: none is
// overwritten.
package outputs_test

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/secretsync/secretsync/internal/emulator"
	"github.com/secretsync/secretsync/internal/sopsfile/sopstest"
	"github.com/secretsync/secretsync/test/program"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// outputs are all ways to name a file that the program writes: by a flag, by an environment
// variable of the CI system, or by making its fixed name that of another file. Each is run with
// FILE replaced.
var outputs = map[string]struct {
	args []string
	env  map[string]string
}{
	"plan --out":                   {args: []string{"plan", "-o", "FILE"}},
	"drift --metrics-file":         {args: []string{"drift", "--metrics-file", "FILE"}},
	"verify --metrics-file":        {args: []string{"verify", "--metrics-file", "FILE"}},
	"GITHUB_OUTPUT of verify":      {args: []string{"verify", "--format", "github"}, env: map[string]string{"GITHUB_OUTPUT": "FILE"}},
	"drift --notify-state":         {args: []string{"drift", "--notify", "http://127.0.0.1:1/hook", "--notify-state", "FILE"}},
	"drift --out":                  {args: []string{"drift", "--repair-plan", "-o", "FILE"}},
	"report --html":                {args: []string{"report", "--html", "FILE"}},
	"import --out":                 {args: []string{"import", "-o", "FILE"}},
	"import --sops":                {args: []string{"import", "--from-env", "value.txt", "--sops", "FILE"}},
	"import --out of --from-env":   {args: []string{"import", "--from-env", "value.txt", "-o", "FILE"}},
	"set --sops":                   {args: []string{"set", "--sops", "FILE", "new-secret"}},
	"init --age-key":               {args: []string{"init", "--age-key", "FILE"}},
	"bindings generate --out":      {args: []string{"bindings", "generate", "--worker", "wrangler.toml", "--format", "module", "-o", "FILE"}},
	"emulator --state":             {args: []string{"emulator", "--listen", "127.0.0.1:0", "--state", "FILE"}},
	"--emulator":                   {args: []string{"plan", "--emulator=FILE"}},
	"GITHUB_STEP_SUMMARY of plan":  {args: []string{"plan", "--format", "github"}, env: map[string]string{"GITHUB_STEP_SUMMARY": "FILE"}},
	"GITHUB_OUTPUT of plan":        {args: []string{"plan", "--format", "github"}, env: map[string]string{"GITHUB_OUTPUT": "FILE"}},
	"GITHUB_STEP_SUMMARY of drift": {args: []string{"drift", "--format", "github"}, env: map[string]string{"GITHUB_STEP_SUMMARY": "FILE"}},
	"GITHUB_STEP_SUMMARY of show":  {args: []string{"show", "plan.json", "--format", "github"}, env: map[string]string{"GITHUB_STEP_SUMMARY": "FILE"}},
	"GITHUB_OUTPUT of a failure":   {args: []string{"plan", "--target", "*", "--format", "github"}, env: map[string]string{"GITHUB_OUTPUT": "FILE"}},
}

// inputs are the other flags that take text, by name: for files that are read, for folders, and
// for other text. A new flag has to be added here or to outputs.
var inputs = []string{
	"file", "lockfile", "account-id", "var", "sops-key-types", "api-base-url", "log-level", "log-format", "target", "format",
	"plan-id", "adopt", "new-key-env", "from-env", "store", "only", "except", "worker", "env", "listen", "fault", "recipient", "ci", "token", "persist-to",
	"path",     // lock merge: a name for messages
	"lease",    // a place in a bucket
	"notify",   // an address
	"progress", // auto, plain or none
}

// TestEveryFlagIsClassified finds new flags that name an output.
func TestEveryFlagIsClassified(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			name := strings.TrimPrefix(cmd.CommandPath(), "secretsync ") + " --" + f.Name
			_, own := outputs[name]
			_, common := outputs["--"+f.Name]
			if strings.HasPrefix(f.Value.Type(), "string") && !own && !common && !slices.Contains(inputs, f.Name) {
				t.Errorf("%s is neither in outputs nor in inputs", name)
			}
		})
		for _, c := range cmd.Commands() {
			if c.Name() != "completion" {
				visit(c)
			}
		}
	}
	visit(program.Root())
}

// ownFiles are the files of the project of newOwn, by the words that errors use.
var ownFiles = map[string]string{
	"secretsync.yaml":        "the manifest",
	"teams/one.yaml":         "a file that the manifest includes",
	"prod.enc.yaml":          "a SOPS file that the manifest names",
	"value.txt":              "a file with a secret's value",
	"wrangler.toml":          "a wrangler configuration",
	"secretsync.lock":        "the lockfile",
	".secretsync.lock.flock": "a file that belongs to the lockfile",
	"secretsync.lock.ours":   "a file that belongs to the lockfile", // does not exist
	"secretsync.lock.base":   "a file that belongs to the lockfile", // does not exist
	"secretsync.key":         "the fingerprint key's file",
	"secretsync.key.new":     "the fingerprint key's file", // does not exist
	"age.txt":                "a file with a decryption key",
	".sops.yaml":             "the configuration of SOPS",
}

// newOwn is an applied project with a file of every role, in the current folder.
func newOwn(t *testing.T) *program.Project {
	server := program.Emulator(t, emulator.Options{RateLimit: -1})
	p := program.NewProject(t, server.BaseURL())
	t.Chdir(p.Dir)
	identity, err := age.GenerateX25519Identity()
	program.Must(t, err)
	sealed, err := sopstest.Encrypt("prod.enc.yaml", []byte("token: sealed-value\n"), "", identity.Recipient().String())
	program.Must(t, err)
	program.Must(t, os.Mkdir("teams", 0o755))
	for name, text := range map[string]string{
		"secretsync.yaml": "version: 1\ninclude: [teams/*.yaml]\nworkers: [wrangler.toml]\nstores:\n  prod:\n    secrets:\n" +
			"      sealed: {from: {sops: prod.enc.yaml, key: token}}\n",
		"teams/one.yaml": "stores: {prod: {secrets: {plain: {from: {file: ../value.txt}}}}}\n",
		"prod.enc.yaml":  string(sealed),
		"value.txt":      "a value in a file",
		"wrangler.toml":  "name = \"api\"\n",
		"age.txt":        identity.String() + "\n",
		".sops.yaml":     "creation_rules: [{path_regex: never}]\n",
	} {
		p.Write(name, text)
	}
	p.Env["SOPS_AGE_KEY_FILE"] = p.Path("age.txt")
	t.Setenv("SOPS_AGE_KEY_FILE", p.Path("age.txt"))
	if code, out := p.Run("apply", "--auto-approve"); code != program.OK {
		t.Fatal(out)
	}
	if code, out := p.Run("plan", "-o", "plan.json"); code != program.OK {
		t.Fatal(out)
	}
	return p
}

// contents reads all regular files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	files := map[string]string{}
	program.Must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	}))
	return files
}

// TestOutputNeverGoesOverOwnFiles names each of the project's files, by its name and by others,
// as each output: every command refuses, says which file that is, and changes nothing.
func TestOutputNeverGoesOverOwnFiles(t *testing.T) {
	p := newOwn(t)
	before := contents(t, p.Dir)
	for _, output := range slices.Sorted(maps.Keys(outputs)) {
		o := outputs[output]
		for _, file := range slices.Sorted(maps.Keys(ownFiles)) {
			if slices.Contains([]string{"import --sops", "set --sops"}, output) && file == "prod.enc.yaml" {
				continue // values are added to it
			}
			if output == "init --age-key" && file == "age.txt" {
				continue // it is read
			}
			t.Run(output+" is "+file, func(t *testing.T) {
				code, said := runWith(p, o.args, o.env, file)
				if code != program.Error || !refuses(said, file) && !exists(said) {
					t.Errorf("exit code %d:\n%s", code, said)
				}
				if after := contents(t, p.Dir); !maps.Equal(before, after) {
					t.Errorf("files changed: %v", changes(before, after))
					restore(t, before, after)
				}
			})
		}
	}
}

// refuses reports whether an error names the file's role.
func refuses(said, file string) bool { return strings.Contains(said, ": that is "+ownFiles[file]+"\n") }

// exists reports whether import refuses an existing file before it looks at what it is.
func exists(said string) bool {
	return strings.Contains(said, "exists already: import overwrites nothing")
}

// TestOutputByAnotherName tries links and other spellings, for one output and one file.
func TestOutputByAnotherName(t *testing.T) {
	p := newOwn(t)
	program.Must(t, os.Symlink("secretsync.lock", "symbolic"))
	program.Must(t, os.Symlink("secretsync.lock.ours", "dangling"))
	program.Must(t, os.Link("secretsync.lock", "hard"))
	program.Must(t, os.Symlink(".", "folder"))
	before := contents(t, p.Dir)
	for _, name := range []string{
		p.Path("secretsync.lock"), "./secretsync.lock", "teams/../secretsync.lock", "symbolic", "hard", "folder/secretsync.lock",
		"dangling", "SecretSync.Lock.Ours",
	} {
		for output, o := range outputs {
			code, said := runWith(p, o.args, o.env, name)
			if code != program.Error || !strings.Contains(said, ": that is ") && !exists(said) {
				t.Errorf("%s %s: exit code %d:\n%s", output, name, code, said)
			}
			if after := contents(t, p.Dir); !maps.Equal(before, after) {
				t.Errorf("%s %s: files changed: %v", output, name, changes(before, after))
				restore(t, before, after)
			}
		}
	}
}

// TestFixedNamesNeverGoOverOwnFiles has a project whose files have the names of GitLab's
// reports.
func TestFixedNamesNeverGoOverOwnFiles(t *testing.T) {
	for _, name := range []string{"secretsync-codequality.json", "secretsync-report.json"} {
		server := program.Emulator(t, emulator.Options{RateLimit: -1})
		p := program.NewProject(t, server.BaseURL())
		t.Chdir(p.Dir)
		manifest := `{"version": 1, "stores": {"prod": {"secrets": {"a": {"from": {"env": "KEY"}}}}}}`
		p.Write(name, manifest)
		p.Env["KEY"] = "v"
		app := program.Program{Env: p.Env}
		code, said := app.Run(t.Context(), "plan", "-f", name, "--format", "gitlab")
		if code != program.Error || !strings.Contains(said, "--format gitlab "+name+": that is the manifest") {
			t.Errorf("exit code %d:\n%s", code, said)
		}
		if data, _ := os.ReadFile(name); string(data) != manifest {
			t.Errorf("%s: overwritten", name)
		}
	}
}

// TestOutputReplacesOnlyItsKind: a file that does not belong to the project is not overwritten
// either, unless an earlier run wrote it.
func TestOutputReplacesOnlyItsKind(t *testing.T) {
	p := newOwn(t)
	p.Write("README.md", "# Ours\n")
	for _, output := range []string{"plan --out", "drift --metrics-file", "drift --out", "report --html", "import --out", "emulator --state", "--emulator"} {
		if code, said := runWith(p, outputs[output].args, nil, "README.md"); code != program.Error {
			t.Errorf("%s: exit code %d:\n%s", output, code, said)
		}
	}
	if data, _ := os.ReadFile("README.md"); string(data) != "# Ours\n" {
		t.Error("overwritten")
	}
	for _, output := range []string{"plan --out", "drift --metrics-file", "report --html"} {
		for range 2 {
			if code, said := runWith(p, outputs[output].args, nil, "written-"+filepath.Base(outputs[output].args[1])); code != program.OK {
				t.Errorf("%s: exit code %d:\n%s", output, code, said)
			}
		}
	}
}

// runWith runs a command with FILE replaced.
func runWith(p *program.Project, args []string, env map[string]string, file string) (int, string) {
	app := program.Program{Env: maps.Clone(p.Env)}
	for name, value := range env {
		app.Env[name] = strings.ReplaceAll(value, "FILE", file)
	}
	replaced := slices.Clone(args)
	for i := range replaced {
		replaced[i] = strings.ReplaceAll(replaced[i], "FILE", file)
	}
	ctx, stop := context.WithTimeout(p.T.Context(), 20*time.Second) // an emulator that starts would run until then
	defer stop()
	return app.Run(ctx, replaced...)
}

// restore undoes changes, so that they do not cover up others.
func restore(t *testing.T, before, after map[string]string) {
	for name := range after {
		if _, was := before[name]; !was {
			program.Must(t, os.Remove(name))
		}
	}
	for name, text := range before {
		if after[name] != text {
			program.Must(t, os.WriteFile(name, []byte(text), 0o600))
		}
	}
}

// changes lists the files that differ.
func changes(before, after map[string]string) (list []string) {
	for name := range before {
		if after[name] != before[name] {
			list = append(list, name)
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			list = append(list, name+" was created")
		}
	}
	return list
}
