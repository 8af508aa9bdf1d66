"""CPUs and features of x86_64, from LLVM 22.1.0.

Written by codegen/cpu_table_generator.py; do not edit. Features that follow from others
by IMPLIES are left out."""

CPUS = {
    "alderlake": (
        "adx avxvnni bmi bmi2 clflushopt clwb cmov crc32 cx16 f16c fma fsgsbase fxsr gfni hreset "
        "invpcid lzcnt mmx movbe movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd "
        "rdseed serialize sha shstk vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "amdfam10": "cmov cx16 fxsr lzcnt popcnt prfchw sse4a x87",
    "arrowlake": (
        "adx avxifma avxneconvert avxvnni avxvnniint8 bmi bmi2 clflushopt clwb cmov cmpccxadd "
        "crc32 cx16 enqcmd f16c fma fsgsbase fxsr gfni hreset invpcid lzcnt mmx movbe movdir64b "
        "movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha shstk uintr "
        "vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "arrowlake-s": (
        "adx avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8 bmi bmi2 clflushopt clwb cmov "
        "cmpccxadd crc32 cx16 enqcmd f16c fma fsgsbase fxsr gfni hreset invpcid lzcnt mmx movbe "
        "movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha "
        "sha512 shstk sm3 sm4 uintr vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "arrowlake_s": (
        "adx avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8 bmi bmi2 clflushopt clwb cmov "
        "cmpccxadd crc32 cx16 enqcmd f16c fma fsgsbase fxsr gfni hreset invpcid lzcnt mmx movbe "
        "movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha "
        "sha512 shstk sm3 sm4 uintr vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "athlon-fx": "cmov cx8 fxsr mmx prfchw sse2 x87",
    "athlon64": "cmov cx8 fxsr mmx prfchw sse2 x87",
    "athlon64-sse3": "cmov cx16 fxsr mmx prfchw sse3 x87",
    "atom": "cmov cx16 fxsr mmx movbe ssse3 x87",
    "atom_sse4_2": "cmov crc32 cx16 fxsr mmx movbe pclmul popcnt prfchw rdrnd sse4.2 x87",
    "atom_sse4_2_movbe": (
        "aes clflushopt cmov crc32 cx16 fsgsbase fxsr mmx movbe pclmul popcnt prfchw rdrnd rdseed "
        "sha sse4.2 x87 xsavec xsaveopt xsaves"
    ),
    "barcelona": "cmov cx16 fxsr lzcnt popcnt prfchw sse4a x87",
    "bdver1": "aes cmov crc32 cx16 fxsr lwp lzcnt mmx pclmul popcnt prfchw x87 xop xsave",
    "bdver2": (
        "aes bmi cmov crc32 cx16 f16c fma fxsr lwp lzcnt mmx pclmul popcnt prfchw tbm x87 xop xsave"
    ),
    "bdver3": (
        "aes bmi cmov crc32 cx16 f16c fma fsgsbase fxsr lwp lzcnt mmx pclmul popcnt prfchw tbm x87 "
        "xop xsaveopt"
    ),
    "bdver4": (
        "aes avx2 bmi bmi2 cmov crc32 cx16 f16c fma fsgsbase fxsr lwp lzcnt mmx movbe mwaitx "
        "pclmul popcnt prfchw rdrnd tbm x87 xop xsaveopt"
    ),
    "bonnell": "cmov cx16 fxsr mmx movbe ssse3 x87",
    "broadwell": (
        "adx avx2 bmi bmi2 cmov crc32 cx16 f16c fma fsgsbase fxsr invpcid lzcnt mmx movbe pclmul "
        "popcnt prfchw rdrnd rdseed x87 xsaveopt"
    ),
    "btver1": "cmov cx16 fxsr lzcnt mmx popcnt prfchw sse4a ssse3 x87",
    "btver2": (
        "aes bmi cmov crc32 cx16 f16c fxsr lzcnt mmx movbe pclmul popcnt prfchw sse4a x87 xsaveopt"
    ),
    "cannonlake": (
        "adx aes avx512cd avx512dq avx512ifma avx512vbmi avx512vl bmi bmi2 clflushopt cmov crc32 "
        "cx16 fsgsbase fxsr invpcid lzcnt mmx movbe pclmul pku popcnt prfchw rdrnd rdseed sha x87 "
        "xsavec xsaveopt xsaves"
    ),
    "cascadelake": (
        "adx aes avx512bw avx512cd avx512dq avx512vl avx512vnni bmi bmi2 clflushopt clwb cmov "
        "crc32 cx16 fsgsbase fxsr invpcid lzcnt mmx movbe pclmul pku popcnt prfchw rdrnd rdseed "
        "x87 xsavec xsaveopt xsaves"
    ),
    "clearwaterforest": (
        "adx avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8 bmi bmi2 cldemote clflushopt "
        "clwb cmov cmpccxadd crc32 cx16 enqcmd f16c fma fsgsbase fxsr gfni hreset invpcid lzcnt "
        "mmx movbe movdir64b movdiri pconfig pku popcnt prefetchi prfchw ptwrite rdpid rdrnd "
        "rdseed serialize sha sha512 shstk sm3 sm4 uintr usermsr vaes vpclmulqdq waitpkg x87 "
        "xsavec xsaveopt xsaves"
    ),
    "cooperlake": (
        "adx aes avx512bf16 avx512cd avx512dq avx512vl avx512vnni bmi bmi2 clflushopt clwb cmov "
        "crc32 cx16 fsgsbase fxsr invpcid lzcnt mmx movbe pclmul pku popcnt prfchw rdrnd rdseed "
        "x87 xsavec xsaveopt xsaves"
    ),
    "core-avx-i": "cmov crc32 cx16 f16c fsgsbase fxsr mmx pclmul popcnt rdrnd x87 xsaveopt",
    "core-avx2": (
        "avx2 bmi bmi2 cmov crc32 cx16 f16c fma fsgsbase fxsr invpcid lzcnt mmx movbe pclmul "
        "popcnt rdrnd x87 xsaveopt"
    ),
    "core2": "cmov cx16 fxsr mmx ssse3 x87",
    "core_2_duo_sse4_1": "cmov cx16 fxsr mmx sse4.1 x87",
    "core_2_duo_ssse3": "cmov cx16 fxsr mmx ssse3 x87",
    "core_2nd_gen_avx": "avx cmov crc32 cx16 fxsr mmx pclmul popcnt x87 xsaveopt",
    "core_3rd_gen_avx": "cmov crc32 cx16 f16c fsgsbase fxsr mmx pclmul popcnt rdrnd x87 xsaveopt",
    "core_4th_gen_avx": (
        "avx2 bmi bmi2 cmov crc32 cx16 f16c fma fsgsbase fxsr invpcid lzcnt mmx movbe pclmul "
        "popcnt rdrnd x87 xsaveopt"
    ),
    "core_4th_gen_avx_tsx": (
        "avx2 bmi bmi2 cmov crc32 cx16 f16c fma fsgsbase fxsr invpcid lzcnt mmx movbe pclmul "
        "popcnt rdrnd x87 xsaveopt"
    ),
    "core_5th_gen_avx": (
        "adx avx2 bmi bmi2 cmov crc32 cx16 f16c fma fsgsbase fxsr invpcid lzcnt mmx movbe pclmul "
        "popcnt prfchw rdrnd rdseed x87 xsaveopt"
    ),
    "core_5th_gen_avx_tsx": (
        "adx avx2 bmi bmi2 cmov crc32 cx16 f16c fma fsgsbase fxsr invpcid lzcnt mmx movbe pclmul "
        "popcnt prfchw rdrnd rdseed x87 xsaveopt"
    ),
    "core_aes_pclmulqdq": "cmov crc32 cx16 fxsr mmx pclmul popcnt sse4.2 x87",
    "core_i7_sse4_2": "cmov crc32 cx16 fxsr mmx popcnt sse4.2 x87",
    "corei7": "cmov crc32 cx16 fxsr mmx popcnt sse4.2 x87",
    "corei7-avx": "avx cmov crc32 cx16 fxsr mmx pclmul popcnt x87 xsaveopt",
    "diamondrapids": (
        "adx amx-avx512 amx-bf16 amx-complex amx-fp16 amx-fp8 amx-int8 amx-movrs amx-tf32 avx10.2 "
        "avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8 bmi bmi2 ccmp cldemote clflushopt "
        "clwb cmov cmpccxadd crc32 cx16 egpr enqcmd fsgsbase fxsr gfni invpcid lzcnt mmx movbe "
        "movdir64b movdiri movrs ndd nf pconfig pku popcnt ppx prefetchi prfchw ptwrite push2pop2 "
        "rdpid rdrnd rdseed serialize sha sha512 shstk sm3 sm4 tsxldtrk uintr vaes vpclmulqdq "
        "waitpkg wbnoinvd x87 xsavec xsaveopt xsaves zu"
    ),
    "emeraldrapids": (
        "adx amx-bf16 amx-int8 avx512bf16 avx512bitalg avx512cd avx512dq avx512fp16 avx512ifma "
        "avx512vbmi avx512vbmi2 avx512vl avx512vnni avx512vpopcntdq avxvnni bmi bmi2 cldemote "
        "clflushopt clwb cmov crc32 cx16 enqcmd fsgsbase fxsr gfni invpcid lzcnt mmx movbe "
        "movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha "
        "shstk tsxldtrk uintr vaes vpclmulqdq waitpkg wbnoinvd x87 xsavec xsaveopt xsaves"
    ),
    "goldmont": (
        "aes clflushopt cmov crc32 cx16 fsgsbase fxsr mmx movbe pclmul popcnt prfchw rdrnd rdseed "
        "sha sse4.2 x87 xsavec xsaveopt xsaves"
    ),
    "goldmont-plus": (
        "aes clflushopt cmov crc32 cx16 fsgsbase fxsr mmx movbe pclmul popcnt prfchw ptwrite rdpid "
        "rdrnd rdseed sha sse4.2 x87 xsavec xsaveopt xsaves"
    ),
    "goldmont_plus": (
        "aes clflushopt cmov crc32 cx16 fsgsbase fxsr mmx movbe pclmul popcnt prfchw ptwrite rdpid "
        "rdrnd rdseed sha sse4.2 x87 xsavec xsaveopt xsaves"
    ),
    "gracemont": (
        "adx avxvnni bmi bmi2 clflushopt clwb cmov crc32 cx16 f16c fma fsgsbase fxsr gfni hreset "
        "invpcid lzcnt mmx movbe movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd "
        "rdseed serialize sha shstk vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "grandridge": (
        "adx avxifma avxneconvert avxvnni avxvnniint8 bmi bmi2 cldemote clflushopt clwb cmov "
        "cmpccxadd crc32 cx16 enqcmd f16c fma fsgsbase fxsr gfni hreset invpcid lzcnt mmx movbe "
        "movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha "
        "shstk uintr vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "graniterapids": (
        "adx amx-bf16 amx-fp16 amx-int8 avx512bf16 avx512bitalg avx512cd avx512dq avx512fp16 "
        "avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni avx512vpopcntdq avxvnni bmi bmi2 "
        "cldemote clflushopt clwb cmov crc32 cx16 enqcmd fsgsbase fxsr gfni invpcid lzcnt mmx "
        "movbe movdir64b movdiri pconfig pku popcnt prefetchi prfchw ptwrite rdpid rdrnd rdseed "
        "serialize sha shstk tsxldtrk uintr vaes vpclmulqdq waitpkg wbnoinvd x87 xsavec xsaveopt "
        "xsaves"
    ),
    "graniterapids-d": (
        "adx amx-bf16 amx-complex amx-fp16 amx-int8 avx512bf16 avx512bitalg avx512cd avx512dq "
        "avx512fp16 avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni avx512vpopcntdq avxvnni "
        "bmi bmi2 cldemote clflushopt clwb cmov crc32 cx16 enqcmd fsgsbase fxsr gfni invpcid lzcnt "
        "mmx movbe movdir64b movdiri pconfig pku popcnt prefetchi prfchw ptwrite rdpid rdrnd "
        "rdseed serialize sha shstk tsxldtrk uintr vaes vpclmulqdq waitpkg wbnoinvd x87 xsavec "
        "xsaveopt xsaves"
    ),
    "graniterapids_d": (
        "adx amx-bf16 amx-complex amx-fp16 amx-int8 avx512bf16 avx512bitalg avx512cd avx512dq "
        "avx512fp16 avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni avx512vpopcntdq avxvnni "
        "bmi bmi2 cldemote clflushopt clwb cmov crc32 cx16 enqcmd fsgsbase fxsr gfni invpcid lzcnt "
        "mmx movbe movdir64b movdiri pconfig pku popcnt prefetchi prfchw ptwrite rdpid rdrnd "
        "rdseed serialize sha shstk tsxldtrk uintr vaes vpclmulqdq waitpkg wbnoinvd x87 xsavec "
        "xsaveopt xsaves"
    ),
    "haswell": (
        "avx2 bmi bmi2 cmov crc32 cx16 f16c fma fsgsbase fxsr invpcid lzcnt mmx movbe pclmul "
        "popcnt rdrnd x87 xsaveopt"
    ),
    "icelake-client": (
        "adx avx512bitalg avx512cd avx512dq avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni "
        "avx512vpopcntdq bmi bmi2 clflushopt cmov crc32 cx16 fsgsbase fxsr gfni invpcid lzcnt mmx "
        "movbe pku popcnt prfchw rdpid rdrnd rdseed sha vaes vpclmulqdq x87 xsavec xsaveopt xsaves"
    ),
    "icelake-server": (
        "adx avx512bitalg avx512cd avx512dq avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni "
        "avx512vpopcntdq bmi bmi2 clflushopt clwb cmov crc32 cx16 fsgsbase fxsr gfni invpcid lzcnt "
        "mmx movbe pconfig pku popcnt prfchw rdpid rdrnd rdseed sha vaes vpclmulqdq wbnoinvd x87 "
        "xsavec xsaveopt xsaves"
    ),
    "icelake_client": (
        "adx avx512bitalg avx512cd avx512dq avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni "
        "avx512vpopcntdq bmi bmi2 clflushopt cmov crc32 cx16 fsgsbase fxsr gfni invpcid lzcnt mmx "
        "movbe pku popcnt prfchw rdpid rdrnd rdseed sha vaes vpclmulqdq x87 xsavec xsaveopt xsaves"
    ),
    "icelake_server": (
        "adx avx512bitalg avx512cd avx512dq avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni "
        "avx512vpopcntdq bmi bmi2 clflushopt clwb cmov crc32 cx16 fsgsbase fxsr gfni invpcid lzcnt "
        "mmx movbe pconfig pku popcnt prfchw rdpid rdrnd rdseed sha vaes vpclmulqdq wbnoinvd x87 "
        "xsavec xsaveopt xsaves"
    ),
    "ivybridge": "cmov crc32 cx16 f16c fsgsbase fxsr mmx pclmul popcnt rdrnd x87 xsaveopt",
    "k8": "cmov cx8 fxsr mmx prfchw sse2 x87",
    "k8-sse3": "cmov cx16 fxsr mmx prfchw sse3 x87",
    "knl": (
        "adx aes avx512cd bmi bmi2 cmov crc32 cx16 fsgsbase fxsr lzcnt mmx movbe pclmul popcnt "
        "prfchw rdrnd rdseed x87 xsaveopt"
    ),
    "knm": (
        "adx aes avx512cd avx512vpopcntdq bmi bmi2 cmov crc32 cx16 fsgsbase fxsr lzcnt mmx movbe "
        "pclmul popcnt prfchw rdrnd rdseed x87 xsaveopt"
    ),
    "lunarlake": (
        "adx avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8 bmi bmi2 clflushopt clwb cmov "
        "cmpccxadd crc32 cx16 enqcmd f16c fma fsgsbase fxsr gfni hreset invpcid lzcnt mmx movbe "
        "movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha "
        "sha512 shstk sm3 sm4 uintr vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "meteorlake": (
        "adx avxvnni bmi bmi2 clflushopt clwb cmov crc32 cx16 f16c fma fsgsbase fxsr gfni hreset "
        "invpcid lzcnt mmx movbe movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd "
        "rdseed serialize sha shstk vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "mic_avx512": (
        "adx aes avx512cd bmi bmi2 cmov crc32 cx16 fsgsbase fxsr lzcnt mmx movbe pclmul popcnt "
        "prfchw rdrnd rdseed x87 xsaveopt"
    ),
    "nehalem": "cmov crc32 cx16 fxsr mmx popcnt sse4.2 x87",
    "nocona": "cmov cx16 fxsr mmx sse3 x87",
    "novalake": (
        "adx avx10.2 avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8 bmi bmi2 ccmp "
        "clflushopt clwb cmov cmpccxadd crc32 cx16 egpr enqcmd fsgsbase fxsr gfni hreset invpcid "
        "lzcnt mmx movbe movdir64b movdiri movrs ndd nf pconfig pku popcnt ppx prefetchi prfchw "
        "ptwrite push2pop2 rdpid rdrnd rdseed serialize sha sha512 shstk sm3 sm4 uintr vaes "
        "vpclmulqdq waitpkg x87 xsavec xsaveopt xsaves zu"
    ),
    "opteron": "cmov cx8 fxsr mmx prfchw sse2 x87",
    "opteron-sse3": "cmov cx16 fxsr mmx prfchw sse3 x87",
    "pantherlake": (
        "adx avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8 bmi bmi2 clflushopt clwb cmov "
        "cmpccxadd crc32 cx16 enqcmd f16c fma fsgsbase fxsr gfni hreset invpcid lzcnt mmx movbe "
        "movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha "
        "sha512 shstk sm3 sm4 uintr vaes vpclmulqdq waitpkg x87 xsavec xsaveopt xsaves"
    ),
    "penryn": "cmov cx16 fxsr mmx sse4.1 x87",
    "raptorlake": (
        "adx avxvnni bmi bmi2 clflushopt clwb cmov crc32 cx16 f16c fma fsgsbase fxsr gfni hreset "
        "invpcid lzcnt mmx movbe movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd "
        "rdseed serialize sha shstk vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "rocketlake": (
        "adx avx512bitalg avx512cd avx512dq avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni "
        "avx512vpopcntdq bmi bmi2 clflushopt cmov crc32 cx16 fsgsbase fxsr gfni invpcid lzcnt mmx "
        "movbe pku popcnt prfchw rdpid rdrnd rdseed sha vaes vpclmulqdq x87 xsavec xsaveopt xsaves"
    ),
    "sandybridge": "avx cmov crc32 cx16 fxsr mmx pclmul popcnt x87 xsaveopt",
    "sapphirerapids": (
        "adx amx-bf16 amx-int8 avx512bf16 avx512bitalg avx512cd avx512dq avx512fp16 avx512ifma "
        "avx512vbmi avx512vbmi2 avx512vl avx512vnni avx512vpopcntdq avxvnni bmi bmi2 cldemote "
        "clflushopt clwb cmov crc32 cx16 enqcmd fsgsbase fxsr gfni invpcid lzcnt mmx movbe "
        "movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha "
        "shstk tsxldtrk uintr vaes vpclmulqdq waitpkg wbnoinvd x87 xsavec xsaveopt xsaves"
    ),
    "sierraforest": (
        "adx avxifma avxneconvert avxvnni avxvnniint8 bmi bmi2 cldemote clflushopt clwb cmov "
        "cmpccxadd crc32 cx16 enqcmd f16c fma fsgsbase fxsr gfni hreset invpcid lzcnt mmx movbe "
        "movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha "
        "shstk uintr vaes vpclmulqdq waitpkg widekl x87 xsavec xsaveopt xsaves"
    ),
    "silvermont": "cmov crc32 cx16 fxsr mmx movbe pclmul popcnt prfchw rdrnd sse4.2 x87",
    "skx": (
        "adx aes avx512bw avx512cd avx512dq avx512vl bmi bmi2 clflushopt clwb cmov crc32 cx16 "
        "fsgsbase fxsr invpcid lzcnt mmx movbe pclmul pku popcnt prfchw rdrnd rdseed x87 xsavec "
        "xsaveopt xsaves"
    ),
    "skylake": (
        "adx aes avx2 bmi bmi2 clflushopt cmov crc32 cx16 f16c fma fsgsbase fxsr invpcid lzcnt mmx "
        "movbe pclmul popcnt prfchw rdrnd rdseed x87 xsavec xsaveopt xsaves"
    ),
    "skylake-avx512": (
        "adx aes avx512bw avx512cd avx512dq avx512vl bmi bmi2 clflushopt clwb cmov crc32 cx16 "
        "fsgsbase fxsr invpcid lzcnt mmx movbe pclmul pku popcnt prfchw rdrnd rdseed x87 xsavec "
        "xsaveopt xsaves"
    ),
    "skylake_avx512": (
        "adx aes avx512bw avx512cd avx512dq avx512vl bmi bmi2 clflushopt clwb cmov crc32 cx16 "
        "fsgsbase fxsr invpcid lzcnt mmx movbe pclmul pku popcnt prfchw rdrnd rdseed x87 xsavec "
        "xsaveopt xsaves"
    ),
    "slm": "cmov crc32 cx16 fxsr mmx movbe pclmul popcnt prfchw rdrnd sse4.2 x87",
    "tigerlake": (
        "adx avx512bitalg avx512cd avx512dq avx512ifma avx512vbmi avx512vbmi2 avx512vl avx512vnni "
        "avx512vp2intersect avx512vpopcntdq bmi bmi2 clflushopt clwb cmov crc32 cx16 fsgsbase fxsr "
        "gfni invpcid lzcnt mmx movbe movdir64b movdiri pku popcnt prfchw rdpid rdrnd rdseed sha "
        "shstk vaes vpclmulqdq x87 xsavec xsaveopt xsaves"
    ),
    "tremont": (
        "aes clflushopt clwb cmov crc32 cx16 fsgsbase fxsr gfni mmx movbe pclmul popcnt prfchw "
        "ptwrite rdpid rdrnd rdseed sha sse4.2 x87 xsavec xsaveopt xsaves"
    ),
    "westmere": "cmov crc32 cx16 fxsr mmx pclmul popcnt sse4.2 x87",
    "wildcatlake": (
        "adx avxifma avxneconvert avxvnni avxvnniint16 avxvnniint8 bmi bmi2 clflushopt clwb cmov "
        "cmpccxadd crc32 cx16 enqcmd f16c fma fsgsbase fxsr gfni hreset invpcid lzcnt mmx movbe "
        "movdir64b movdiri pconfig pku popcnt prfchw ptwrite rdpid rdrnd rdseed serialize sha "
        "sha512 shstk sm3 sm4 uintr vaes vpclmulqdq waitpkg x87 xsavec xsaveopt xsaves"
    ),
    "x86-64": "cmov cx8 fxsr mmx sse2 x87",
    "x86-64-v2": "cmov crc32 cx16 fxsr mmx popcnt sse4.2 x87",
    "x86-64-v3": "avx2 bmi bmi2 cmov crc32 cx16 f16c fma fxsr lzcnt mmx movbe popcnt x87 xsave",
    "x86-64-v4": (
        "avx512bw avx512cd avx512dq avx512vl bmi bmi2 cmov crc32 cx16 fxsr lzcnt mmx movbe popcnt "
        "x87 xsave"
    ),
    "znver1": (
        "adx aes avx2 bmi bmi2 clflushopt clzero cmov crc32 cx16 f16c fma fsgsbase fxsr lzcnt mmx "
        "movbe mwaitx pclmul popcnt prfchw rdrnd rdseed sha sse4a x87 xsavec xsaveopt xsaves"
    ),
    "znver2": (
        "adx aes avx2 bmi bmi2 clflushopt clwb clzero cmov crc32 cx16 f16c fma fsgsbase fxsr lzcnt "
        "mmx movbe mwaitx pclmul popcnt prfchw rdpid rdpru rdrnd rdseed sha sse4a wbnoinvd x87 "
        "xsavec xsaveopt xsaves"
    ),
    "znver3": (
        "adx bmi bmi2 clflushopt clwb clzero cmov crc32 cx16 f16c fma fsgsbase fxsr invpcid lzcnt "
        "mmx movbe mwaitx pku popcnt prfchw rdpid rdpru rdrnd rdseed sha sse4a vaes vpclmulqdq "
        "wbnoinvd x87 xsavec xsaveopt xsaves"
    ),
    "znver4": (
        "adx avx512bf16 avx512bitalg avx512cd avx512dq avx512ifma avx512vbmi avx512vbmi2 avx512vl "
        "avx512vnni avx512vpopcntdq bmi bmi2 clflushopt clwb clzero cmov crc32 cx16 fsgsbase fxsr "
        "gfni invpcid lzcnt mmx movbe mwaitx pku popcnt prfchw rdpid rdpru rdrnd rdseed sha shstk "
        "sse4a vaes vpclmulqdq wbnoinvd x87 xsavec xsaveopt xsaves"
    ),
    "znver5": (
        "adx avx512bf16 avx512bitalg avx512cd avx512dq avx512ifma avx512vbmi avx512vbmi2 avx512vl "
        "avx512vnni avx512vp2intersect avx512vpopcntdq avxvnni bmi bmi2 clflushopt clwb clzero "
        "cmov crc32 cx16 fsgsbase fxsr gfni invpcid lzcnt mmx movbe movdir64b movdiri mwaitx pku "
        "popcnt prefetchi prfchw rdpid rdpru rdrnd rdseed sha shstk sse4a vaes vpclmulqdq wbnoinvd "
        "x87 xsavec xsaveopt xsaves"
    ),
}

IMPLIES = {
    "adx": "",
    "aes": "sse2",
    "amx-avx512": "amx-tile",
    "amx-bf16": "amx-tile",
    "amx-complex": "amx-tile",
    "amx-fp16": "amx-tile",
    "amx-fp8": "amx-tile",
    "amx-int8": "amx-tile",
    "amx-movrs": "amx-tile",
    "amx-tf32": "amx-tile",
    "amx-tile": "",
    "avx": "sse4.2",
    "avx10.1": (
        "avx512bf16 avx512bitalg avx512cd avx512dq avx512fp16 avx512ifma avx512vbmi avx512vbmi2 "
        "avx512vl avx512vnni avx512vpopcntdq"
    ),
    "avx10.1-512": "avx10.1",
    "avx10.2": "avx10.1",
    "avx10.2-512": "avx10.2",
    "avx2": "avx",
    "avx512bf16": "avx512bw",
    "avx512bitalg": "avx512bw",
    "avx512bw": "avx512f",
    "avx512cd": "avx512f",
    "avx512dq": "avx512f",
    "avx512f": "avx2 f16c fma",
    "avx512fp16": "avx512bw",
    "avx512ifma": "avx512f",
    "avx512vbmi": "avx512bw",
    "avx512vbmi2": "avx512bw",
    "avx512vl": "avx512f",
    "avx512vnni": "avx512f",
    "avx512vp2intersect": "avx512f",
    "avx512vpopcntdq": "avx512f",
    "avxifma": "avx2",
    "avxneconvert": "avx2",
    "avxvnni": "avx2",
    "avxvnniint16": "avx2",
    "avxvnniint8": "avx2",
    "bmi": "",
    "bmi2": "",
    "ccmp": "",
    "cf": "",
    "cldemote": "",
    "clflushopt": "",
    "clwb": "",
    "clzero": "",
    "cmov": "",
    "cmpccxadd": "",
    "crc32": "",
    "cx16": "cx8",
    "cx8": "",
    "egpr": "",
    "enqcmd": "",
    "evex512": "",
    "f16c": "avx",
    "fma": "avx",
    "fma4": "avx sse4a",
    "fsgsbase": "",
    "fxsr": "",
    "gfni": "sse2",
    "hreset": "",
    "invpcid": "",
    "kl": "sse2",
    "lwp": "",
    "lzcnt": "",
    "mmx": "",
    "movbe": "",
    "movdir64b": "",
    "movdiri": "",
    "movrs": "",
    "mwaitx": "",
    "ndd": "",
    "nf": "",
    "pclmul": "sse2",
    "pconfig": "",
    "pku": "",
    "popcnt": "",
    "ppx": "",
    "prefetchi": "",
    "prfchw": "",
    "ptwrite": "",
    "push2pop2": "",
    "raoint": "",
    "rdpid": "",
    "rdpru": "",
    "rdrnd": "",
    "rdseed": "",
    "rtm": "",
    "serialize": "",
    "sgx": "",
    "sha": "sse2",
    "sha512": "avx2",
    "shstk": "",
    "sm3": "avx",
    "sm4": "avx2",
    "sse": "",
    "sse2": "sse",
    "sse3": "sse2",
    "sse4.1": "ssse3",
    "sse4.2": "sse4.1",
    "sse4a": "sse3",
    "ssse3": "sse3",
    "tbm": "",
    "tsxldtrk": "",
    "uintr": "",
    "usermsr": "",
    "vaes": "aes avx2",
    "vpclmulqdq": "avx pclmul",
    "waitpkg": "",
    "wbnoinvd": "",
    "widekl": "kl",
    "x87": "",
    "xop": "fma4",
    "xsave": "",
    "xsavec": "xsave",
    "xsaveopt": "xsave",
    "xsaves": "xsave",
    "zu": "",
}

NEUTRAL = """
allow-light-256-bit branch-hint branchfusion ermsb false-deps-getmant false-deps-lzcnt-tzcnt
false-deps-mulc false-deps-mullq false-deps-perm false-deps-popcnt false-deps-range fast-11bytenop
fast-15bytenop fast-7bytenop fast-bextr fast-dpwssd fast-gather fast-hops fast-imm16 fast-lzcnt
fast-movbe fast-scalar-fsqrt fast-scalar-shift-masks fast-shld-rotate
fast-variable-crosslane-shuffle fast-variable-perlane-shuffle fast-vector-fsqrt
fast-vector-shift-masks faster-shift-than-shuffle fsrm harden-sls-ijmp harden-sls-ret idivl-to-divb
idivq-to-divl inline-asm-use-gpr32 lea-sp lea-uses-ag lvi-cfi lvi-load-hardening macrofusion
no-bypass-delay no-bypass-delay-blend no-bypass-delay-mov no-bypass-delay-shuffle nopl
pad-short-functions prefer-128-bit prefer-256-bit prefer-legacy-setcc prefer-mask-registers
prefer-movmsk-over-vtest prefer-no-gather prefer-no-scatter retpoline retpoline-external-thunk
retpoline-indirect-branches retpoline-indirect-calls sahf sbb-dep-breaking seses slow-3ops-lea
slow-incdec slow-lea slow-pmaddwd slow-pmulld slow-pmullq slow-shld slow-two-mem-ops
slow-unaligned-mem-16 slow-unaligned-mem-32 sse-unaligned-mem tagged-globals
tuning-fast-imm-vector-shift use-glm-div-sqrt-costs use-slm-arith-costs vzeroupper
"""
