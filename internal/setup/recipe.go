package setup

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/secretsync/secretsync/examples"
)

// The CI systems that there is a recipe for, and none of them.
const (
	GitHub = "github"
	GitLab = "gitlab"
	NoCI   = "none"
)

// CheckCI reports a name that is not a known CI system.
func CheckCI(name string) error {
	if !slices.Contains([]string{GitHub, GitLab, NoCI}, name) {
		return fmt.Errorf("%q is not one of github, gitlab and none", name)
	}
	return nil
}

// Project is where the files are that a recipe names: paths in the repository, with slashes.
type Project struct {
	Manifest, Lockfile, Rules string
	// Values is the SOPS file that secretsync itself writes to, and Branch is the branch to apply.
	Values, Branch string
}

// File is a file of a recipe: its path in the repository, with slashes, and its content.
type File struct {
	Path string
	Data []byte
}

// Recipe returns the files of the recipe for a CI system. Where the project has other names than the
// recipe in package examples, they are replaced.
func Recipe(ci string, p Project) ([]File, error) {
	for _, name := range []string{p.Manifest, p.Lockfile, p.Rules, p.Values, p.Branch} {
		if !plainPath().MatchString(name) {
			return nil, fmt.Errorf("%q has characters that a CI recipe cannot name: copy the recipe by hand", name)
		}
	}
	switch ci {
	case GitHub:
		var files []File
		for _, name := range []string{"plan", "apply", "drift", "validate"} {
			text, err := examples.Recipes.ReadFile("github/" + name + ".yml")
			if err != nil {
				return nil, err
			}
			files = append(files, File{".github/workflows/secretsync-" + name + ".yml", []byte(p.inGitHub(string(text)))})
		}
		return files, nil
	case GitLab:
		text, err := examples.Recipes.ReadFile("gitlab/.gitlab-ci.yml")
		if err != nil {
			return nil, err
		}
		return []File{{".gitlab-ci.yml", []byte(p.inGitLab(string(text)))}}, nil
	}
	return nil, CheckCI(ci)
}

// GitLabInclude is where the recipe for GitLab goes if there is another .gitlab-ci.yml.
const GitLabInclude = ".gitlab/secretsync.gitlab-ci.yml"

// Expressions are compiled when they are first used: most runs need none.
var (
	// plainPath matches names that mean the same in YAML, a shell and a glob, and that hold no
	// expression of a CI system.
	plainPath   = expression(`^(\.?[A-Za-z0-9_][A-Za-z0-9_-]*[/.]?)+$`)
	fileLists   = expression(`(?m)^\s+(paths|changes|FILES|LOCKFILE):.*$`)
	command     = expression(`(?m)^(\s+)command: (plan|apply|drift|validate)$`)
	branches    = expression(`(?m)^(\s+)(branches: \[|branch: |BRANCH: )main(\]?)$`)
	commandLine = expression(`secretsync (plan|drift) `)
)

func expression(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// standard are the names in the recipes.
var standard = Project{
	Manifest: "secretsync.yaml", Lockfile: "secretsync.lock", Rules: ".sops.yaml", Values: "secrets.enc.yaml", Branch: "main",
}

// inGitHub adapts a workflow.
func (p Project) inGitHub(text string) string {
	text = strings.ReplaceAll(text, "workflow: apply.yml", "workflow: secretsync-apply.yml")
	text = branches().ReplaceAllString(text, "${1}${2}"+p.Branch+"${3}")
	if p.Manifest != standard.Manifest {
		text = command().ReplaceAllString(text, "${1}command: ${2}\n${1}manifest: "+p.Manifest)
	}
	return p.inLists(text)
}

// inGitLab adapts a pipeline.
func (p Project) inGitLab(text string) string {
	if p.Manifest != standard.Manifest {
		text = commandLine().ReplaceAllString(text, "secretsync ${1} --file "+p.Manifest+" ")
	}
	return p.inLists(text)
}

// inLists replaces the names in the lines that list a project's files.
func (p Project) inLists(text string) string {
	if p == (Project{standard.Manifest, standard.Lockfile, standard.Rules, standard.Values, p.Branch}) {
		return text
	}
	folder := path.Join(path.Dir(p.Manifest), "secrets")
	names := strings.NewReplacer(standard.Manifest, p.Manifest, standard.Lockfile, p.Lockfile, standard.Rules, p.Rules,
		standard.Values, p.Values, "secrets/", folder+"/", " secrets ", " "+folder+" ")
	return fileLists().ReplaceAllStringFunc(text, names.Replace)
}
