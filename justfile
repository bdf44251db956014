# The index of commands. just runs them (scripts/tools fetches one as $JUST); each is a line that can be run without it, too.

# List the commands
_list:
    @{{ just_executable() }} --justfile {{ justfile() }} --list --unsorted

# Serve with a provider inside: nothing leaves this machine
run *arguments:
    cargo run --locked -- serve --sandbox {{ arguments }}

# Run the tests, or those whose names hold a word
test *arguments:
    scripts/test {{ arguments }}

# Everything that a change must pass
ci:
    .ci/run

# Kill and disturb the real program under load, and check its promises; --small takes a minute
faults *arguments:
    scripts/faults {{ arguments }}

# Many stories of the model test, or those of some seeds; with --prove each of its bugs has to be found
model *arguments:
    scripts/model {{ arguments }}

# Have the fault harness find every planted bug
prove:
    scripts/faults --prove

# Send many messages through ways that lose answers, for example: just retries 1000/100
retries *numbers:
    scripts/retries {{ numbers }}

# Drive the program with the clients that need Node.js
clients *names:
    scripts/clients {{ names }}

# Measure, for example: just bench send --database sqlite
bench *arguments:
    cargo bench --locked --bench load -- {{ arguments }}

# Hold the instructions of each kind of work to their budget; with --write, make it anew
instructions *arguments:
    scripts/instructions {{ arguments }}

# Check what is in packaging/; with --install start what is in the package, too
packaging *arguments:
    scripts/packaging {{ arguments }}

# Build the Debian package
package *arguments:
    scripts/package {{ arguments }}

# Put the sources into their form
fmt:
    cargo fmt

# What the compiler and clippy have to say
lint:
    cargo clippy --all-targets --locked -- -D warnings

# Print the pages that the program makes
docs:
    cargo build --locked --bin messaging
    cargo run --locked --quiet -- check-config --reference page >docs/configuration.md
    cargo run --locked --quiet -- check-config --reference env >.env.example
    cargo doc --no-deps --lib --locked

# Keep today's contract as the one that later changes are held to
baseline:
    scripts/baseline
