// Package apitest finds parts of this module's public API that other modules cannot use.
//
// Go refuses the import of an internal package, but not an exported function whose parameter
// has an internal type: a caller then has no name for the type and no way to create a value.
// [Check] reports such types.
package apitest

import (
	"fmt"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// Check reports what the exported API of the packages has that other modules cannot name or
// create:
//
//   - a type of an internal package, unless a public package has an alias of it, and the API
//     uses that alias where it is declared in a public package;
//   - an unexported type;
//   - a struct that callers have to pass, without exported fields and without an exported
//     function that returns one;
//   - an interface that callers have to implement, with unexported methods.
//
// The packages are all public packages of a module; module is its path.
func Check(module string, packages []*types.Package) []string {
	packages = slices.SortedFunc(slices.Values(packages), func(a, b *types.Package) int { return strings.Compare(a.Path(), b.Path()) })
	c := &checker{
		module: module, packages: packages, aliases: map[*types.TypeName]string{}, made: map[*types.TypeName]bool{},
		named: map[string]bool{}, passed: map[*types.TypeName]bool{}, problems: map[string]bool{},
	}
	c.collect()
	for _, p := range packages {
		for _, name := range p.Scope().Names() {
			if obj := p.Scope().Lookup(name); obj.Exported() {
				c.object(p.Path()+"."+name, obj)
			}
		}
	}
	return slices.Sorted(maps.Keys(c.problems))
}

type checker struct {
	module   string
	packages []*types.Package
	aliases  map[*types.TypeName]string // internal types, to the public names for them
	made     map[*types.TypeName]bool   // types that an exported function or method returns

	named    map[string]bool          // declarations already checked
	passed   map[*types.TypeName]bool // types that callers have to pass, already checked
	problems map[string]bool
}

func (c *checker) problem(format string, args ...any) {
	c.problems[strings.ReplaceAll(fmt.Sprintf(format, args...), c.module+"/", "")] = true
}

// internal reports whether a type is declared where other modules cannot import it.
func (c *checker) internal(obj *types.TypeName) bool {
	return c.ours(obj) && !slices.Contains(c.packages, obj.Pkg())
}

func (c *checker) ours(obj *types.TypeName) bool {
	return obj.Pkg() != nil && strings.HasPrefix(obj.Pkg().Path()+"/", c.module+"/")
}

// collect finds the aliases and the constructors.
func (c *checker) collect() {
	for _, p := range c.packages {
		for _, name := range p.Scope().Names() {
			obj := p.Scope().Lookup(name)
			if !obj.Exported() {
				continue
			}
			switch obj := obj.(type) {
			case *types.Func:
				c.makes(obj, true)
			case *types.TypeName:
				named, ok := types.Unalias(obj.Type()).(*types.Named)
				if !ok {
					continue
				}
				if c.internal(named.Obj()) && c.aliases[named.Obj()] == "" {
					c.aliases[named.Obj()] = p.Path() + "." + name
				}
				for m := range methods(named) {
					c.makes(m, false)
				}
			}
		}
	}
}

// makes records what a function returns. A type of an internal package needs a function as
// its constructor: a method may need a value of that type first.
func (c *checker) makes(f *types.Func, function bool) {
	for result := range f.Signature().Results().Variables() {
		t := types.Unalias(result.Type())
		if p, ok := t.(*types.Pointer); ok {
			t = types.Unalias(p.Elem())
		}
		if named, ok := t.(*types.Named); ok && (function || !c.internal(named.Obj())) {
			c.made[named.Origin().Obj()] = true
		}
	}
}

// methods returns the exported methods of a type, including those of embedded types.
func methods(named *types.Named) func(func(*types.Func) bool) {
	return func(yield func(*types.Func) bool) {
		var t types.Type = named
		if !types.IsInterface(named) {
			t = types.NewPointer(named)
		}
		for sel := range types.NewMethodSet(t).Methods() {
			if m := sel.Obj().(*types.Func); m.Exported() && !yield(m) {
				return
			}
		}
	}
}

// object checks a declaration of a public package.
func (c *checker) object(where string, obj types.Object) {
	if name, ok := obj.(*types.TypeName); ok {
		if named, ok := types.Unalias(name.Type()).(*types.Named); ok {
			c.declaration(where, named)
			return
		}
	}
	c.use(where, obj.Type(), false)
	if f, ok := obj.(*types.Func); ok {
		c.passes(where, f)
	}
}

// declaration checks the fields and the methods of a type. What a type of an internal
// package names needs public aliases only: its source can name nothing else.
func (c *checker) declaration(where string, named *types.Named) {
	named = named.Origin()
	id := types.TypeString(named, nil)
	if c.named[id] {
		return
	}
	c.named[id] = true
	inherited := c.internal(named.Obj())
	c.use(where, named.Underlying(), inherited)
	for m := range methods(named) {
		at := where + "." + m.Name()
		c.use(at, m.Signature(), inherited)
		if !types.IsInterface(named) {
			c.passes(at, m)
		}
	}
}

// use checks that every type in t has a public name. inherited says that t is written in an
// internal package.
func (c *checker) use(where string, t types.Type, inherited bool) {
	switch t := t.(type) {
	case *types.Alias:
		c.alias(where, t, inherited)
	case *types.Named:
		for arg := range t.TypeArgs().Types() {
			c.use(where, arg, inherited)
		}
		c.name(where, t, inherited)
	case *types.Map:
		c.use(where, t.Key(), inherited)
		c.use(where, t.Elem(), inherited)
	case interface{ Elem() types.Type }: // a pointer, a slice, an array or a channel
		c.use(where, t.Elem(), inherited)
	case *types.Signature:
		for v := range t.Params().Variables() {
			c.use(where, v.Type(), inherited)
		}
		for v := range t.Results().Variables() {
			c.use(where, v.Type(), inherited)
		}
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				c.use(where+"."+f.Name(), f.Type(), inherited)
			}
		}
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			if m.Exported() {
				c.use(where+"."+m.Name(), m.Signature(), inherited)
			}
		}
		for e := range t.EmbeddedTypes() {
			c.use(where, e, inherited)
		}
	}
}

// alias checks a type that is used by an alias.
func (c *checker) alias(where string, t *types.Alias, inherited bool) {
	if c.internal(t.Obj()) {
		c.use(where, types.Unalias(t), inherited)
		return
	}
	for arg := range t.TypeArgs().Types() {
		c.use(where, arg, inherited)
	}
	if named, ok := types.Unalias(t).(*types.Named); ok && c.ours(t.Obj()) && c.internal(named.Obj()) {
		c.declaration(where, named)
	}
}

// name checks the name that a type is used by.
func (c *checker) name(where string, t *types.Named, inherited bool) {
	obj := t.Obj()
	switch alias := c.aliases[obj]; {
	case !c.ours(obj):
	case !c.internal(obj) && !obj.Exported():
		c.problem("%s: the type %s is not exported", where, obj.Name())
	case !c.internal(obj):
	case alias == "":
		c.problem("%s: %s.%s has no alias in a public package", where, obj.Pkg().Path(), obj.Name())
	case !inherited:
		c.problem("%s: %s.%s is used by its internal name: use an alias, such as %s", where, obj.Pkg().Path(), obj.Name(), alias)
	default:
		c.declaration(where, t)
	}
}

// passes checks that callers of a function can create its arguments.
func (c *checker) passes(where string, f *types.Func) {
	for v := range f.Signature().Params().Variables() {
		c.pass(where, v.Type())
	}
}

// pass checks that callers can create a value of a type: what it consists of, and what its
// methods return if they have to implement it.
func (c *checker) pass(where string, t types.Type) {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		if obj := t.Origin().Obj(); c.ours(obj) && !c.passed[obj] {
			c.passed[obj] = true
			c.create(where, t)
		}
	case *types.Map:
		c.pass(where, t.Key())
		c.pass(where, t.Elem())
	case interface{ Elem() types.Type }: // a pointer, a slice, an array or a channel
		c.pass(where, t.Elem())
	case *types.Signature:
		for v := range t.Results().Variables() {
			c.pass(where, v.Type())
		}
	}
}

// create checks that callers can create a value of a named type of the module.
func (c *checker) create(where string, t *types.Named) {
	obj := t.Origin().Obj()
	switch u := t.Underlying().(type) {
	case *types.Interface:
		for m := range u.Methods() {
			if !m.Exported() {
				c.problem("%s: %s.%s cannot be implemented: it has unexported methods", where, obj.Pkg().Path(), obj.Name())
			}
			c.pass(where, m.Signature())
		}
	case *types.Struct:
		exported := 0
		for f := range u.Fields() {
			if f.Exported() {
				exported++
				c.pass(where, f.Type())
			}
		}
		if exported == 0 && u.NumFields() > 0 && !c.made[obj] {
			c.problem("%s: no exported function returns %s.%s", where, obj.Pkg().Path(), obj.Name())
		}
	default:
		c.pass(where, u)
	}
}
