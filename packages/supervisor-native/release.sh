#!/bin/sh
# Builds the released binary: static musl, with a std of its own that is built for size and aborts where it would panic.
# Takes the compiler, the linker, the sources of std and musl from Debian's packages, unpacked in a directory of its own; installs
# nothing. Two runs with the same packages make the same bytes, wherever the clone and that directory are.
#
#   ./release.sh x64|arm64 [directory for the packages]     ->  ../supervisor-linux-ARCH/bgtask-supervisor
set -eu

here=$(cd "$(dirname "$0")" && pwd)
arch=${1:?usage: ./release.sh x64|arm64 [directory for the packages]}
work=${2:-$(mktemp -d)}
root=$work/root
case $arch in
  x64) debian=amd64 triple=x86_64 ;;
  arm64) debian=arm64 triple=aarch64 ;;
  *) echo "release.sh: no such architecture: $arch" >&2; exit 2 ;;
esac
tools='rustc-web libstd-rust-web-1.96 libstd-rust-web-dev rust-web-src libllvm22 lld-22'

# unpack DIRECTORY PACKAGE...: downloads the packages, once, and unpacks them there.
unpack() {
  into=$1; shift
  [ ! -d "$into" ] || return 0
  mkdir -p "$into.packages"
  # shellcheck disable=SC2086
  (cd "$into.packages" && apt-get $apt download "$@")
  mkdir "$into.new"
  for package in "$into.packages"/*.deb; do dpkg -x "$package" "$into.new"; done
  mv "$into.new" "$into"
}

apt=
# shellcheck disable=SC2086
unpack "$root" $tools
# The machine's own list of packages may know no other architecture.
if [ ! -d "$root-$arch" ]; then
  mkdir -p "$work/apt-$arch/lists/partial" "$work/apt-$arch/cache/archives/partial"
  apt="-o Dir::State::Lists=$work/apt-$arch/lists -o Dir::Cache=$work/apt-$arch/cache -o APT::Architecture=$debian -o APT::Architectures=$debian"
  # shellcheck disable=SC2086
  apt-get $apt update
  unpack "$root-$arch" musl-dev libgcc-12-dev
fi
src=$(echo "$root"/usr/src/rustc-*/library)
musl=$root-$arch/usr/lib/$triple-linux-musl
gcc=$root-$arch/usr/lib/gcc/$triple-linux-gnu/12

# A program that aborts where it would panic unwinds nothing, but std names what it would need for that.
mkdir -p "$work/lib"
printf '!<arch>\n' > "$work/lib/libunwind.a"
unwinder=
for name in Backtrace DeleteException FindEnclosingFunction GetCFA GetDataRelBase GetGR GetIP GetIPInfo GetLanguageSpecificData \
  GetRegionStart GetTextRelBase RaiseException Resume SetGR SetIP; do
  unwinder="$unwinder -C link-arg=--defsym=_Unwind_$name=abort"
done

export LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/usr/lib/llvm-22/lib"
export RUSTC="$root/usr/bin/rustc" RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT="$src" CARGO_TARGET_DIR="$work/target"
flags="-C target-feature=+crt-static -C relocation-model=static -C link-self-contained=no -C linker-flavor=ld.lld
  -C linker=$root/usr/lib/llvm-22/bin/ld.lld -C default-linker-libraries=no -C panic=immediate-abort -Z unstable-options
  -Z pre-link-args=$musl/crt1.o -Z pre-link-args=$musl/crti.o -C link-arg=$musl/crtn.o -C link-arg=--build-id=none
  -L native=$musl -L native=$gcc -L native=$work/lib $unwinder
  --remap-path-prefix=$src=std --remap-path-prefix=$here=bgtask-supervisor --remap-path-prefix=$work=work"
target=$triple-unknown-linux-musl
flags=$(echo "$flags" | tr -s '\n ' ' ')

cd "$here"
# The machine's own cargo.
CARGO_ENCODED_RUSTFLAGS=$(echo "$flags" | sed 's/ *$//' | tr ' ' '\037') \
  cargo --config 'source.crates-io.replace-with="std"' --config "source.std.directory=\"$src/vendor\"" \
  build --release --offline --locked --bin bgtask-supervisor --target "$target" \
  -Z build-std=std,panic_abort -Z build-std-features=optimize_for_size
node stage.mjs "$arch" "$work/target/$target/release/bgtask-supervisor"
