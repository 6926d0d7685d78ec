package initproject

import (
	"context"
	"os"
	"path/filepath"

	"github.com/secretsync/secretsync/internal/buildinfo"
	"github.com/secretsync/secretsync/internal/setup"
	"github.com/secretsync/secretsync/objectstore"
)

// writeRecipe writes the CI recipe, and says what there is already.
func (in *initialization) writeRecipe(ctx context.Context) error {
	ci := in.opts.CI
	if ci == "" || ci == setup.NoCI {
		return nil
	}
	if objectstore.IsURL(in.project.Lockfile()) {
		in.Say("warning: no CI recipe was written, because the lockfile is in a bucket: %s has the recipes for that",
			buildinfo.Page("docs/ci.md")+"#nothing-committed-to-main")
		return nil
	}
	p, err := setup.ProjectOf(in.root, in.file, in.project.Lockfile(), in.age.Rules, setup.AppliedBranch(ctx, in.root, in.getenv))
	if err != nil {
		return err
	}
	files, err := setup.Recipe(ci, p)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := in.writeRecipeFile(f); err != nil {
			return err
		}
	}
	if ci == setup.GitHub {
		in.say("The secrets and variables that the workflows need:\n  %s", buildinfo.Page("docs/ci.md")+"#github")
	} else {
		in.say("The pipeline's first lines list the variables that it needs.")
	}
	return nil
}

func (in *initialization) writeRecipeFile(f setup.File) error {
	outcome, err := f.Create(in.root)
	if err != nil {
		return err
	}
	if outcome == setup.Differs && f.Path == ".gitlab-ci.yml" {
		f.Path = setup.GitLabInclude
		if outcome, err = f.Create(in.root); err != nil {
			return err
		}
		in.say("To run it, add these lines to .gitlab-ci.yml, and plan, apply and drift to its stages:\n  include:\n    - local: %s", f.Path)
	}
	name := filepath.Join(in.root, filepath.FromSlash(f.Path))
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, name); err == nil {
			name = rel
		}
	}
	switch outcome {
	case setup.Created:
		in.say("Wrote %s.", name)
	case setup.Present:
		in.say("%s exists and is the recipe.", name)
	case setup.Differs:
		in.say("%s exists and is left as it is. It is not the recipe of this version.", name)
		return nil
	}
	in.written = append(in.written, name)
	return nil
}
