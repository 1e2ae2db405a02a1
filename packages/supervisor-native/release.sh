#!/bin/sh
# Builds the released binary: static musl, with a std of its own that is built for size and aborts where it would panic.
# Takes the compiler, the sources of std and musl from Debian's packages, unpacked in a directory of its own; installs nothing.
#
#   ./release.sh [directory for the packages]     ->  dist/bgtask-supervisor-linux-x64
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d)}
root=$work/root
packages='rustc-web libstd-rust-web-1.96 libstd-rust-web-dev rust-web-src libllvm22 musl-dev musl-tools'

if [ ! -d "$root" ]; then
  mkdir -p "$work/packages"
  # shellcheck disable=SC2086
  (cd "$work/packages" && apt-get download $packages)
  for package in "$work"/packages/*.deb; do dpkg -x "$package" "$root"; done
fi
src=$(echo "$root"/usr/src/rustc-*/library)

# As musl-gcc, but for the place of its files; and for a program that stands at a fixed address, which needs no relocation.
sed "s#/usr/lib/x86_64-linux-musl#$root&#g; s#/usr/include/x86_64-linux-musl#$root&#g; s#Scrt1.o#crt1.o#; s#crtbeginS.o#crtbeginT.o#; s#crtendS.o#crtend.o#" \
  "$root/usr/lib/x86_64-linux-musl/musl-gcc.specs" > "$work/musl.specs"
printf '#!/bin/sh\nexec gcc "$@" -specs %s\n' "$work/musl.specs" > "$work/musl-gcc"
chmod +x "$work/musl-gcc"

# A program that aborts where it would panic unwinds nothing; gcc's library needs more of the C library than musl has.
mkdir -p "$work/lib"
for name in Resume RaiseException DeleteException GetLanguageSpecificData GetRegionStart GetTextRelBase GetDataRelBase GetIP \
  GetIPInfo SetGR SetIP GetCFA GetGR FindEnclosingFunction; do
  echo "unsigned long _Unwind_$name(void) { return 0; }"
done > "$work/unwind.c"
echo 'unsigned long _Unwind_Backtrace(void) { return 5; /* the end of the stack */ }' >> "$work/unwind.c"
gcc -Os -c "$work/unwind.c" -o "$work/unwind.o"
ar rcs "$work/lib/libunwind.a" "$work/unwind.o"

export LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/llvm-22/lib"
export RUSTC="$root/usr/bin/rustc" RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT="$src" CARGO_TARGET_DIR="$work/target"
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER="$work/musl-gcc"
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static \
-C link-self-contained=no -C link-arg=-static -L native=$root/usr/lib/x86_64-linux-musl -L native=$work/lib \
-L native=$(dirname "$(gcc -print-libgcc-file-name)") -Z unstable-options -C panic=immediate-abort"

cd "$here"
# The machine's own cargo.

cargo --config 'source.crates-io.replace-with="std"' --config "source.std.directory=\"$src/vendor\"" \
  build --release --offline --locked --bin bgtask-supervisor --target x86_64-unknown-linux-musl \
  -Z build-std=std,panic_abort -Z build-std-features=optimize_for_size
mkdir -p dist
cp "$work/target/x86_64-unknown-linux-musl/release/bgtask-supervisor" dist/bgtask-supervisor-linux-x64
ls -l dist/bgtask-supervisor-linux-x64
