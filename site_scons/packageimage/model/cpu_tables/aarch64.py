"""CPUs and features of aarch64, from LLVM 22.1.0.

Written by codegen/cpu_table_generator.py; do not edit. Features that follow from others
by IMPLIES are left out."""

CPUS = {
    "a64fx": "aes complxnum perfmon sha2 sve v8.2a",
    "ampere1": "aes ccidx fullfp16 perfmon rand sha3 ssbs v8.6a",
    "ampere1a": "aes ccidx fullfp16 mte perfmon rand sha3 sm4 ssbs v8.6a",
    "ampere1b": "aes ccidx cssc fullfp16 mte perfmon rand sha3 sm4 ssbs v8.7a",
    "ampere1c": (
        "ccidx cssc faminmax fp16fml fp8fma lut mte perfmon rand ssbs sve-aes sve-b16b16 sve-sha3 "
        "sve-sm4 sve2 v9.2a"
    ),
    "apple-a10": "aes crc lor pan perfmon rdm sha2 v8a vh",
    "apple-a11": "aes fullfp16 perfmon sha2 v8.2a",
    "apple-a12": "aes fullfp16 perfmon sha2 v8.3a",
    "apple-a13": "aes fp16fml perfmon sha3 v8.4a",
    "apple-a14": "aes altnzcv ccdp fp16fml fptoint perfmon predres sb sha3 specrestrict ssbs v8.4a",
    "apple-a15": "aes fp16fml fpac perfmon sha3 ssbs v8.6a",
    "apple-a16": "aes fp16fml fpac hcx perfmon sha3 ssbs v8.6a",
    "apple-a17": "aes fp16fml fpac hcx perfmon sha3 ssbs v8.6a",
    "apple-a18": "aes fp16fml fpac perfmon sha3 sme-f64f64 sme-i16i64 sme2 v8.7a",
    "apple-a19": (
        "aes cssc fp16fml fpac hbc mte perfmon sha3 sme-b16b16 sme-f16f16 sme-f64f64 sme-i16i64 "
        "sme2p1 specres2 v8.7a"
    ),
    "apple-a7": "aes perfmon sha2 v8a",
    "apple-a8": "aes perfmon sha2 v8a",
    "apple-a9": "aes perfmon sha2 v8a",
    "apple-m1": "aes altnzcv ccdp fp16fml fptoint perfmon predres sb sha3 specrestrict ssbs v8.4a",
    "apple-m2": "aes fp16fml fpac perfmon sha3 ssbs v8.6a",
    "apple-m3": "aes fp16fml fpac hcx perfmon sha3 ssbs v8.6a",
    "apple-m4": "aes fp16fml fpac perfmon sha3 sme-f64f64 sme-i16i64 sme2 v8.7a",
    "apple-m5": (
        "aes cssc fp16fml fpac hbc mte perfmon sha3 sme-b16b16 sme-f16f16 sme-f64f64 sme-i16i64 "
        "sme2p1 specres2 v8.7a"
    ),
    "apple-s10": "aes fp16fml fpac hcx perfmon sha3 ssbs v8.6a",
    "apple-s4": "aes fullfp16 perfmon sha2 v8.3a",
    "apple-s5": "aes fullfp16 perfmon sha2 v8.3a",
    "apple-s6": "aes fp16fml perfmon sha3 v8.4a",
    "apple-s7": "aes fp16fml perfmon sha3 v8.4a",
    "apple-s8": "aes fp16fml perfmon sha3 v8.4a",
    "apple-s9": "aes fp16fml fpac hcx perfmon sha3 ssbs v8.6a",
    "c1-nano": (
        "ccidx chk clrbhb ete fp16fml fpac mte perfmon rcpc3 sme2 specres2 ssbs sve-bitperm sve2 "
        "v9.3a"
    ),
    "c1-premium": (
        "ccidx chk clrbhb ete fp16fml fpac mte perfmon rcpc3 sme2 spe spe-eef specres2 ssbs "
        "sve-bitperm sve2 v9.3a"
    ),
    "c1-pro": (
        "ccidx chk clrbhb ete fp16fml fpac mte perfmon rcpc3 sme2 spe spe-eef specres2 ssbs "
        "sve-bitperm sve2 v9.3a"
    ),
    "c1-ultra": (
        "ccidx chk clrbhb ete fp16fml fpac mte perfmon rcpc3 sme2 spe spe-eef specres2 ssbs "
        "sve-bitperm sve2 v9.3a"
    ),
    "carmel": "aes fullfp16 sha2 v8.2a",
    "cobalt-100": "bf16 ccidx ete fp16fml fpac i8mm mte perfmon ssbs sve-bitperm sve2 v9a",
    "cortex-a320": "ccidx ete fp16fml mte perfmon ssbs sve-bitperm sve2 v9.2a",
    "cortex-a34": "aes crc perfmon sha2 v8a",
    "cortex-a35": "aes crc perfmon sha2 v8a",
    "cortex-a510": "bf16 ccidx ete fp16fml fpac i8mm mte perfmon ssbs sve-bitperm sve2 v9a",
    "cortex-a520": "ccidx ete fp16fml fpac mte perfmon ssbs sve-bitperm sve2 v9.2a",
    "cortex-a520ae": "ccidx ete fp16fml fpac mte perfmon ssbs sve-bitperm sve2 v9.2a",
    "cortex-a53": "aes crc perfmon sha2 v8a",
    "cortex-a55": "aes dotprod fullfp16 perfmon rcpc sha2 v8.2a",
    "cortex-a57": "aes crc perfmon sha2 v8a",
    "cortex-a65": "aes dotprod fullfp16 perfmon rcpc sha2 ssbs v8.2a",
    "cortex-a65ae": "aes dotprod fullfp16 perfmon rcpc sha2 ssbs v8.2a",
    "cortex-a710": "bf16 ccidx ete fp16fml fpac i8mm mte perfmon ssbs sve-bitperm sve2 v9a",
    "cortex-a715": "bf16 ccidx ete fp16fml fpac i8mm mte perfmon spe ssbs sve-bitperm sve2 v9a",
    "cortex-a72": "aes crc perfmon sha2 v8a",
    "cortex-a720": "ccidx ete fp16fml fpac mte perfmon spe spe-eef ssbs sve-bitperm sve2 v9.2a",
    "cortex-a720ae": "ccidx ete fp16fml fpac mte perfmon spe spe-eef ssbs sve-bitperm sve2 v9.2a",
    "cortex-a725": "ccidx ete fp16fml fpac mte perfmon spe spe-eef ssbs sve-bitperm sve2 v9.2a",
    "cortex-a73": "aes crc perfmon sha2 v8a",
    "cortex-a75": "aes dotprod fullfp16 perfmon rcpc sha2 v8.2a",
    "cortex-a76": "aes dotprod fullfp16 perfmon rcpc sha2 ssbs v8.2a",
    "cortex-a76ae": "aes dotprod fullfp16 perfmon rcpc sha2 ssbs v8.2a",
    "cortex-a77": "aes dotprod fullfp16 perfmon rcpc sha2 ssbs v8.2a",
    "cortex-a78": "aes dotprod fullfp16 perfmon rcpc sha2 spe ssbs v8.2a",
    "cortex-a78ae": "aes dotprod fullfp16 perfmon rcpc sha2 spe ssbs v8.2a",
    "cortex-a78c": "aes dotprod flagm fullfp16 pauth perfmon rcpc sha2 spe ssbs v8.2a",
    "cortex-r82": "ccdp complxnum dotprod fp16fml fpac jsconv perfmon predres rdm sb ssbs v8r",
    "cortex-r82ae": "ccdp complxnum dotprod fp16fml fpac jsconv perfmon predres rdm sb ssbs v8r",
    "cortex-x1": "aes dotprod fullfp16 perfmon rcpc sha2 spe ssbs v8.2a",
    "cortex-x1c": "aes dotprod flagm fullfp16 lse2 pauth perfmon rcpc-immo sha2 spe ssbs v8.2a",
    "cortex-x2": "bf16 ccidx ete fp16fml fpac i8mm mte perfmon ssbs sve-bitperm sve2 v9a",
    "cortex-x3": "bf16 ccidx ete fp16fml fpac i8mm mte perfmon spe ssbs sve-bitperm sve2 v9a",
    "cortex-x4": "ccidx ete fp16fml fpac mte perfmon spe spe-eef ssbs sve-bitperm sve2 v9.2a",
    "cortex-x925": "ccidx ete fp16fml fpac mte perfmon spe spe-eef ssbs sve-bitperm sve2 v9.2a",
    "cyclone": "aes perfmon sha2 v8a",
    "exynos-m3": "aes crc perfmon sha2 v8a",
    "exynos-m4": "aes dotprod fullfp16 perfmon sha2 v8.2a",
    "exynos-m5": "aes dotprod fullfp16 perfmon sha2 v8.2a",
    "falkor": "aes crc perfmon rdm sha2 v8a",
    "fujitsu-monaka": (
        "ccidx clrbhb ete faminmax fp16fml fp8dot2 fp8dot4 fp8fma fpac ls64 lut mec perfmon rand "
        "specres2 ssbs sve-aes sve-bitperm sve-sha3 sve-sm4 sve2 v9.3a"
    ),
    "gb10": (
        "ccidx ete fp16fml fpac mte perfmon spe spe-eef ssbs sve-aes sve-bitperm sve-sha3 sve-sm4 "
        "sve2 v9.2a"
    ),
    "generic": "ete neon",
    "grace": (
        "bf16 ccidx ete fp16fml fpac i8mm mte perfmon spe ssbs sve-aes sve-bitperm sve-sha3 "
        "sve-sm4 sve2 v9a"
    ),
    "kryo": "aes crc perfmon sha2 v8a",
    "neoverse-512tvb": (
        "aes bf16 ccdp ccidx fp16fml fpac i8mm perfmon rand sha3 sm4 spe ssbs sve v8.4a"
    ),
    "neoverse-e1": "aes dotprod fullfp16 perfmon rcpc sha2 ssbs v8.2a",
    "neoverse-n1": "aes dotprod fullfp16 perfmon rcpc sha2 spe ssbs v8.2a",
    "neoverse-n2": "bf16 ccidx ete fp16fml fpac i8mm mte perfmon ssbs sve-bitperm sve2 v9a",
    "neoverse-n3": (
        "ccidx ete fp16fml fpac mte perfmon rand spe spe-eef ssbs sve-bitperm sve2 v9.2a"
    ),
    "neoverse-v1": "aes bf16 ccdp ccidx fp16fml i8mm perfmon rand sha3 sm4 spe ssbs sve v8.4a",
    "neoverse-v2": (
        "bf16 ccidx ete fp16fml fpac i8mm mte perfmon rand spe ssbs sve-bitperm sve2 v9a"
    ),
    "neoverse-v3": (
        "brbe ccidx ete fp16fml fpac ls64 mte perfmon rand rme spe spe-eef ssbs sve-bitperm sve2 "
        "v9.2a"
    ),
    "neoverse-v3ae": (
        "brbe ccidx ete fp16fml fpac ls64 mte perfmon rand rme spe spe-eef ssbs sve-bitperm sve2 "
        "v9.2a"
    ),
    "olympus": (
        "brbe ccidx chk ete faminmax fp16fml fp8dot2 fp8dot4 fp8fma fpac ls64 lut mec mte perfmon "
        "rand spe spe-eef ssbs sve-aes sve-bitperm sve-sha3 sve-sm4 sve2 v9.2a"
    ),
    "oryon-1": "ccidx oryon-1 rand ssbs",
    "saphira": "aes ccidx perfmon sha2 spe v8.4a",
    "thunderx": "aes crc perfmon sha2 v8a",
    "thunderx2t99": "aes sha2 v8.1a",
    "thunderx3t110": "aes ccidx perfmon sha2 v8.3a",
    "thunderxt81": "aes crc perfmon sha2 v8a",
    "thunderxt83": "aes crc perfmon sha2 v8a",
    "thunderxt88": "aes crc perfmon sha2 v8a",
    "tsv110": "aes complxnum dotprod fp16fml jsconv perfmon sha2 spe v8.2a",
}

IMPLIES = {
    "CONTEXTIDREL2": "",
    "aes": "neon",
    "altnzcv": "flagm",
    "am": "",
    "amvs": "am",
    "bf16": "neon",
    "brbe": "",
    "bti": "",
    "btie": "",
    "ccdp": "ccpp",
    "ccidx": "",
    "ccpp": "",
    "chk": "",
    "clrbhb": "",
    "cmh": "",
    "cmpbr": "",
    "complxnum": "neon",
    "cpa": "",
    "crc": "",
    "crypto": "aes sha2",
    "cssc": "",
    "d128": "lse128",
    "dit": "",
    "dotprod": "neon",
    "ecv": "",
    "el2vmsa": "",
    "el3": "",
    "ete": "trbe",
    "f16f32dot": "fullfp16 neon",
    "f16f32mm": "fullfp16 neon",
    "f16mm": "fullfp16",
    "f32mm": "sve",
    "f64mm": "sve",
    "f8f16mm": "fp8",
    "f8f32mm": "fp8",
    "faminmax": "neon",
    "fgt": "",
    "flagm": "",
    "fp-armv8": "",
    "fp16fml": "fullfp16 neon",
    "fp8": "neon",
    "fp8dot2": "fp8",
    "fp8dot4": "fp8",
    "fp8fma": "fp8",
    "fpac": "",
    "fprcvt": "fp-armv8",
    "fptoint": "fp-armv8",
    "fullfp16": "fp-armv8",
    "gcie": "",
    "gcs": "chk",
    "hbc": "",
    "hcx": "",
    "i8mm": "neon",
    "ite": "ete",
    "jsconv": "fp-armv8",
    "lor": "",
    "ls64": "",
    "lscp": "",
    "lse": "",
    "lse128": "lse",
    "lse2": "",
    "lsfe": "fp-armv8",
    "lsui": "",
    "lut": "neon",
    "mec": "rme",
    "mops": "",
    "mops-go": "mops mte",
    "mpam": "",
    "mpamv2": "",
    "mte": "",
    "mtetc": "mte",
    "neon": "fp-armv8",
    "nmi": "",
    "nv": "",
    "occmo": "",
    "oryon-1": "aes fp16fml perfmon sha3 sm4 spe v8.6a",
    "pan": "",
    "pan-rwv": "pan",
    "pauth": "",
    "pauth-lr": "",
    "pcdphint": "",
    "perfmon": "",
    "poe2": "",
    "pops": "",
    "predres": "",
    "prfm-slc-target": "",
    "rand": "",
    "ras": "",
    "rasv2": "ras",
    "rcpc": "",
    "rcpc-immo": "rcpc",
    "rcpc3": "rcpc-immo",
    "rdm": "neon",
    "rme": "",
    "sb": "",
    "sel2": "",
    "sha2": "neon",
    "sha3": "sha2",
    "sm4": "neon",
    "sme": "bf16 fullfp16",
    "sme-b16b16": "sme2 sve-b16b16",
    "sme-f16f16": "sme2",
    "sme-f64f64": "sme",
    "sme-f8f16": "fp8 sme2",
    "sme-f8f32": "fp8 sme2",
    "sme-fa64": "sme sve2",
    "sme-i16i64": "sme",
    "sme-lutv2": "sme2",
    "sme-mop4": "sme2",
    "sme-tmop": "sme2",
    "sme2": "sme",
    "sme2p1": "sme2",
    "sme2p2": "sme2p1",
    "sme2p3": "sme2p2",
    "spe": "",
    "spe-eef": "",
    "specres2": "predres",
    "specrestrict": "",
    "ssbs": "",
    "ssve-aes": "sme2 sve-aes",
    "ssve-bitperm": "sme2 sve-bitperm",
    "ssve-fexpa": "sme2",
    "ssve-fp8dot2": "fp8 sme2",
    "ssve-fp8dot4": "fp8 sme2",
    "ssve-fp8fma": "fp8 sme2",
    "sve": "fullfp16",
    "sve-aes": "aes",
    "sve-aes2": "",
    "sve-b16b16": "",
    "sve-b16mm": "sve",
    "sve-bfscale": "",
    "sve-bitperm": "",
    "sve-f16f32mm": "sve",
    "sve-sha3": "sha3",
    "sve-sm4": "sm4",
    "sve2": "sve",
    "sve2-aes": "sve-aes sve2",
    "sve2-bitperm": "sve-bitperm sve2",
    "sve2-sha3": "sve-sha3 sve2",
    "sve2-sm4": "sve-sm4 sve2",
    "sve2p1": "sve2",
    "sve2p2": "sve2p1",
    "sve2p3": "sve2p2",
    "tev": "",
    "the": "",
    "tlb-rmi": "",
    "tlbid": "",
    "tlbiw": "",
    "tracev8.4": "",
    "trbe": "",
    "uaops": "",
    "v8.1a": "crc lor lse pan rdm v8a vh",
    "v8.2a": "ccpp pan-rwv ras uaops v8.1a",
    "v8.3a": "complxnum jsconv pauth rcpc v8.2a",
    "v8.4a": "am dit dotprod flagm lse2 mpam nv rcpc-immo sel2 tlb-rmi tracev8.4 v8.3a",
    "v8.5a": "altnzcv bti ccdp fptoint predres sb specrestrict v8.4a",
    "v8.6a": "amvs bf16 ecv fgt i8mm v8.5a",
    "v8.7a": "hcx v8.6a wfxt xs",
    "v8.8a": "hbc mops nmi v8.7a",
    "v8.9a": "chk clrbhb cssc prfm-slc-target rasv2 specres2 v8.8a",
    "v8a": "el2vmsa el3",
    "v8r": (
        "CONTEXTIDREL2 ccpp crc dit flagm lse pan-rwv pauth ras rcpc-immo sel2 specrestrict "
        "tlb-rmi tracev8.4 uaops"
    ),
    "v9.1a": "v8.6a v9a",
    "v9.2a": "v8.7a v9.1a",
    "v9.3a": "v8.8a v9.2a",
    "v9.4a": "v8.9a v9.3a",
    "v9.5a": "cpa v9.4a",
    "v9.6a": "cmpbr lsui occmo v9.5a",
    "v9.7a": "fprcvt sve2p3 v9.6a",
    "v9a": "v8.5a",
    "vh": "CONTEXTIDREL2",
    "wfxt": "",
    "xs": "",
}

NEUTRAL = """
a320 a35 a510 a520 a520ae a53 a55 a57 a64fx a65 a710 a715 a72 a720 a720ae a73 a75 a76 a77 a78 a78ae
a78c addr-lsl-slow-14 aggressive-fma aggressive-interleaving alternate-sextload-cvt-f32-pattern
alu-lsl-fast ampere1 ampere1a ampere1b ampere1c apple-a10 apple-a11 apple-a12 apple-a13 apple-a14
apple-a15 apple-a16 apple-a17 apple-a7 apple-m4 apple-m5 arith-bcc-fusion arith-cbz-fusion
ascend-store-address avoid-ldapur balance-fp-ops c1-nano c1-premium c1-pro c1-ultra call-saved-x10
call-saved-x11 call-saved-x12 call-saved-x13 call-saved-x14 call-saved-x15 call-saved-x18
call-saved-x8 call-saved-x9 carmel cmp-bcc-fusion cortex-a725 cortex-r82 cortex-r82ae cortex-x1
cortex-x2 cortex-x3 cortex-x4 cortex-x925 disable-fast-inc-vl disable-latency-sched-heuristic
disable-ldp disable-maximize-scalable-bandwidth disable-stp disable-unpredicated-ld-st-lower
enable-select-opt execute-only exynos-cheap-as-move exynosm3 exynosm4 falkor fix-cortex-a53-835769
fmv force-32bit-jump-tables fujitsu-monaka fuse-address fuse-addsub-2reg-const1 fuse-adrp-add
fuse-aes fuse-arith-logic fuse-crypto-eor fuse-csel fuse-cset fuse-literals harden-sls-blr
harden-sls-nocomdat harden-sls-retbr kryo ldp-aligned-only max-interleave-factor-4 neoverse512tvb
neoversee1 neoversen1 neoversen2 neoversen3 neoversev1 neoversev2 neoversev3 neoversev3AE
no-bti-at-return-twice no-neg-immediates no-sve-fp-ld1r no-zcz-fpr64 olympus outline-atomics
predictable-select-expensive reserve-lr-for-ra reserve-x1 reserve-x10 reserve-x11 reserve-x12
reserve-x13 reserve-x14 reserve-x15 reserve-x18 reserve-x2 reserve-x20 reserve-x21 reserve-x22
reserve-x23 reserve-x24 reserve-x25 reserve-x26 reserve-x27 reserve-x28 reserve-x3 reserve-x4
reserve-x5 reserve-x6 reserve-x7 reserve-x9 saphira slow-misaligned-128store slow-paired-128
slow-strqro-store store-pair-suppress stp-aligned-only strict-align tagged-globals thunderx
thunderx2t99 thunderx3t110 thunderxt81 thunderxt83 thunderxt88 tpidr-el1 tpidr-el2 tpidr-el3
tpidrro-el0 tsv110 use-experimental-zeroing-pseudos use-fixed-over-scalable-if-equal-cost
use-postra-scheduler use-reciprocal-square-root use-wzr-to-vec-move zcm-fpr128 zcm-fpr32 zcm-fpr64
zcm-gpr32 zcm-gpr64 zcz-fp-workaround zcz-fpr128 zcz-gpr32 zcz-gpr64
"""
