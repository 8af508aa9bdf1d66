"""Features that operating systems tell of, in LLVM's names, and other names of features.

Written by hand. A CPU's table has more (x87, exception levels, debug and trace extensions): no
host can show those, so an image must not ask for them.

x86_64: what LLVM's getHostCPUFeatures (TargetParser/Host.cpp) reads from cpuid. aarch64: what
Linux tells in /proc/cpuinfo and the auxiliary vector (Documentation/arch/arm64/elf_hwcaps.rst) and
macOS under `hw.optional.arm`. riscv64: what Linux tells by the hwprobe system call
(Documentation/arch/riscv/hwprobe.rst).
"""

REPORTED = {
    "aarch64": """
        aes altnzcv bf16 bti ccdp ccpp complxnum crc cssc dit dotprod f32mm f64mm faminmax flagm
        fp-armv8 fp16fml fp8 fp8dot2 fp8dot4 fp8fma fptoint fullfp16 gcs hbc i8mm jsconv ls64 lse
        lse128 lse2 lut mops mte neon pauth rand rcpc rcpc-immo rcpc3 rdm sb sha2 sha3 sm4 sme
        sme-f16f16 sme-f64f64 sme-fa64 sme-i16i64 sme2 sme2p1 ssbs sve sve-aes sve-b16b16
        sve-bitperm sve-sha3 sve-sm4 sve2 sve2p1 wfxt
    """,
    "riscv64": """
        a b c d f i m v zaamo zabha zacas zalrsc zawrs zba zbb zbc zbkb zbkc zbkx zbs zca zcb zcd
        zcmop zfa zfbfmin zfh zfhmin zicbom zicboz zicbop zicntr zicond zicsr zifencei zihintntl
        zihintpause zihpm zimop zknd zkne zknh zksed zksh zkt zmmul ztso zvbb zvbc zve32f zve32x
        zve64d zve64f zve64x zvfbfmin zvfbfwma zvfh zvfhmin zvkb zvkg zvkned zvknha zvknhb zvksed
        zvksh zvkt zvl32b zvl64b zvl128b zvl256b zvl512b zvl1024b
    """,
    "x86_64": """
        adx aes amx-avx512 amx-bf16 amx-complex amx-fp16 amx-fp8 amx-int8 amx-movrs amx-tf32
        amx-tile avx avx10.1 avx10.2 avx2 avx512bf16 avx512bitalg avx512bw avx512cd avx512dq
        avx512f avx512fp16 avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni
        avx512vp2intersect avx512vpopcntdq avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8
        bmi bmi2 ccmp cf cldemote clflushopt clwb clzero cmov cmpccxadd crc32 cx16 cx8 egpr enqcmd
        f16c fma fma4 fsgsbase fxsr gfni hreset invpcid kl lwp lzcnt mmx movbe movdir64b movdiri
        movrs mwaitx ndd nf pclmul pconfig pku popcnt ppx prefetchi prfchw ptwrite push2pop2 raoint
        rdpid rdpru rdrnd rdseed rtm serialize sgx sha sha512 shstk sm3 sm4 sse sse2 sse3 sse4.1
        sse4.2 sse4a ssse3 tbm tsxldtrk uintr usermsr vaes vpclmulqdq waitpkg wbnoinvd widekl xop
        xsave xsavec xsaveopt xsaves zu
    """,
}

# Of these, what LLVM emits for intrinsics alone that no Python function leads to: instructions for
# kernels, for threads, random numbers, cache control, and such. An image needs none of them, and
# virtual machines and emulators hide many.
NOT_GENERATED = {
    "aarch64": "altnzcv bti ccdp ccpp dit gcs hbc ls64 mte pauth rand sb ssbs wfxt",
    "riscv64": "zawrs zicbom zicboz zicbop zicntr zifencei zihintntl zihintpause zihpm zimop zcmop",
    "x86_64": """
        cldemote clflushopt clwb clzero enqcmd fsgsbase hreset invpcid kl lwp mwaitx pconfig pku
        ptwrite rdpid rdpru rdrnd rdseed rtm serialize sgx shstk tsxldtrk uintr usermsr waitpkg
        wbnoinvd widekl xsave xsavec xsaveopt xsaves
    """,
}

# What LLVM's 64-bit calling conventions need. Without them it ends the process over the first
# function with a float; 64bit is one more that LLVM reports of every host.
ESSENTIAL = {
    "aarch64": "fp-armv8 neon",
    "riscv64": "i",
    "x86_64": "64bit sse2",
}

# Names of older LLVMs, of Linux and of Julia, as far as they differ from LLVM's.
ALIASES: dict[str, dict[str, str]] = {
    "aarch64": {
        "asimd": "neon",
        "atomics": "lse",
        "crc32": "crc",
        "fp": "fp-armv8",
        "fphp": "fullfp16",
        "pa": "pauth",
        "rcpc_immo": "rcpc-immo",
    },
    "riscv64": {},
    "x86_64": {
        "abm": "lzcnt",
        "avx512_vbmi2": "avx512vbmi2",
        "avx512_vnni": "avx512vnni",
        "bmi1": "bmi",
        "pclmulqdq": "pclmul",
        "pni": "sse3",
        "rdrand": "rdrnd",
        "sha_ni": "sha",
        "sse4_1": "sse4.1",
        "sse4_2": "sse4.2",
    },
}
