"""CPUs and features of riscv64, from LLVM 22.1.0.

Written by codegen/cpu_table_generator.py; do not edit. Features that follow from others
by IMPLIES are left out."""

CPUS = {
    "andes-ax25": "a c d i m xandesperf zifencei",
    "andes-ax45": "a c d i m xandesperf zifencei",
    "andes-ax45mpv": "a c i m v xandesperf zifencei",
    "andes-nx45": "a c d i m xandesperf zifencei",
    "generic": "i",
    "generic-rv64": "i",
    "mips-p8700": "a c d i m xmipscbop xmipscmov xmipsexectl xmipslsp zba zbb zifencei",
    "rocket-rv64": "i zicsr zifencei",
    "sifive-p450": (
        "a b c d i m za64rs zfhmin zic64b zicbom zicbop zicboz ziccamoa ziccif zicclsm ziccrse "
        "zifencei zihintntl zihintpause zihpm zkt"
    ),
    "sifive-p470": (
        "a b c i m v xsifivecdiscarddlone xsifivecflushdlone za64rs zfhmin zic64b zicbom zicbop "
        "zicboz ziccamoa ziccif zicclsm ziccrse zifencei zihintntl zihintpause zihpm zkt zvbb "
        "zvknc zvkng zvksc zvksg"
    ),
    "sifive-p550": "a c d i m zba zbb zifencei",
    "sifive-p670": (
        "a b c i m v za64rs zfhmin zic64b zicbom zicbop zicboz ziccamoa ziccif zicclsm ziccrse "
        "zifencei zihintntl zihintpause zihpm zkt zvbb zvknc zvkng zvksc zvksg"
    ),
    "sifive-p870": (
        "a b c i m supm v za64rs zama16b zawrs zcb zcmop zfa zfh zic64b zicbom zicbop zicboz "
        "ziccamoa ziccif zicclsm ziccrse zicntr zicond zifencei zihintntl zihintpause zihpm zimop "
        "zkr zkt zvbb zvfbfwma zvfh zvknc zvkng zvksc zvksg"
    ),
    "sifive-s21": "a c i m zicsr zifencei",
    "sifive-s51": "a c i m zicsr zifencei",
    "sifive-s54": "a c d i m zifencei",
    "sifive-s76": "a c d i m zifencei zihintpause",
    "sifive-u54": "a c d i m zifencei",
    "sifive-u74": "a c d i m zifencei",
    "sifive-x280": "a c i m v zba zbb zfh zifencei zvfh zvl512b",
    "sifive-x390": (
        "a b c experimental-zicfilp experimental-zicfiss i m v xsifivecdiscarddlone "
        "xsifivecflushdlone za64rs zawrs zcb zcmop zfa zfh zic64b zicbom zicbop zicboz ziccamoa "
        "ziccif ziccrse zicntr zicond zifencei zihintntl zihintpause zihpm zkr zkt zvbb zvfbfwma "
        "zvfh zvkt zvl1024b"
    ),
    "spacemit-x60": (
        "a b c i m ssccptr sscofpmf sscounterenw sstc sstvala sstvecd svade svbare svinval svnapot "
        "svpbmt v xsmtvdot za64rs zbc zbkc zfh zic64b zicbom zicbop zicboz ziccamoa ziccif zicclsm "
        "ziccrse zicntr zicond zifencei zihintpause zihpm zkt zvfh zvkt zvl256b"
    ),
    "syntacore-scr3-rv64": "a c i m zicsr zifencei",
    "syntacore-scr4-rv64": "a c d i m zifencei",
    "syntacore-scr5-rv64": "a c d i m zifencei",
    "syntacore-scr7": "a c i m v zba zbb zbc zbs zifencei zkn",
    "tt-ascalon-d8": (
        "a b c i m sha smaia ssaia ssccptr sscofpmf sscounterenw ssnpm ssstrict sstc sstvala "
        "sstvecd ssu64xl supm svade svbare svinval svnapot svpbmt v za64rs zawrs zcb zcmop zfa zfh "
        "zic64b zicbom zicbop zicboz ziccamoa ziccif zicclsm ziccrse zicntr zicond zifencei "
        "zihintntl zihintpause zihpm zimop zkt zvbb zvbc zvfbfwma zvfh zvkng zvl256b"
    ),
    "veyron-v1": (
        "a c d i m xventanacondops zba zbb zbc zbs zicbom zicbop zicboz zicntr zifencei "
        "zihintpause zihpm"
    ),
    "xiangshan-kunminghu": (
        "a b c i m sha smaia smcsrind smdbltrp smmpm smnpm smrnmi smstateen ssaia ssccptr sscofpmf "
        "sscounterenw sscsrind ssdbltrp ssnpm sspm ssstrict sstc sstvala sstvecd ssu64xl supm "
        "svade svbare svinval svnapot svpbmt v za64rs zacas zawrs zbc zcb zcmop zfa zfh zic64b "
        "zicbom zicbop zicboz ziccamoa ziccif zicclsm ziccrse zicntr zicond zifencei zihintntl "
        "zihintpause zihpm zimop zkn zks zkt zvbb zvfh zvkt"
    ),
    "xiangshan-nanhu": "a c d i m svinval zba zbb zbc zbs zicbom zicboz zifencei zkn zksed zksh",
}

IMPLIES = {
    "a": "zaamo zalrsc",
    "b": "zba zbb zbs",
    "c": "zca",
    "d": "f",
    "experimental-p": "",
    "experimental-smpmpmt": "",
    "experimental-svukte": "",
    "experimental-xrivosvisni": "",
    "experimental-xrivosvizip": "",
    "experimental-xsfmclic": "",
    "experimental-xsfsclic": "",
    "experimental-zibi": "",
    "experimental-zicfilp": "zicsr",
    "experimental-zicfiss": "zicsr zimop",
    "experimental-zvbc32e": "zve32x",
    "experimental-zvfbfa": "zfbfmin zve32f",
    "experimental-zvfofp8min": "zve32f",
    "experimental-zvkgs": "zvkg",
    "experimental-zvqdotq": "zve32x",
    "f": "zicsr",
    "h": "",
    "i": "",
    "m": "zmmul",
    "q": "d",
    "rva20s64": (
        "a c d i m ssccptr sstvala sstvecd svade svbare za128rs ziccamoa ziccif zicclsm ziccrse "
        "zicntr zifencei"
    ),
    "rva20u64": "a c d i m za128rs ziccamoa ziccif zicclsm ziccrse zicntr",
    "rva22s64": (
        "a b c d i m ssccptr sscounterenw sstvala sstvecd svade svbare svinval svpbmt za64rs "
        "zfhmin zic64b zicbom zicbop zicboz ziccamoa ziccif zicclsm ziccrse zicntr zifencei "
        "zihintpause zihpm zkt"
    ),
    "rva22u64": (
        "a b c d i m za64rs zfhmin zic64b zicbom zicbop zicboz ziccamoa ziccif zicclsm ziccrse "
        "zicntr zihintpause zihpm zkt"
    ),
    "rva23s64": (
        "a b c i m sha ssccptr sscofpmf sscounterenw ssnpm sstc sstvala sstvecd ssu64xl supm svade "
        "svbare svinval svnapot svpbmt v za64rs zawrs zcb zcmop zfa zfhmin zic64b zicbom zicbop "
        "zicboz ziccamoa ziccif zicclsm ziccrse zicntr zicond zifencei zihintntl zihintpause zihpm "
        "zimop zkt zvbb zvfhmin zvkt"
    ),
    "rva23u64": (
        "a b c i m supm v za64rs zawrs zcb zcmop zfa zfhmin zic64b zicbom zicbop zicboz ziccamoa "
        "ziccif zicclsm ziccrse zicntr zicond zihintntl zihintpause zihpm zimop zkt zvbb zvfhmin "
        "zvkt"
    ),
    "rvb23s64": (
        "a b c d i m ssccptr sscofpmf sscounterenw sstc sstvala sstvecd ssu64xl svade svbare "
        "svinval svnapot svpbmt za64rs zawrs zcb zcmop zfa zic64b zicbom zicbop zicboz ziccamoa "
        "ziccif zicclsm ziccrse zicntr zicond zifencei zihintntl zihintpause zihpm zimop zkt"
    ),
    "rvb23u64": (
        "a b c d i m za64rs zawrs zcb zcmop zfa zic64b zicbom zicbop zicboz ziccamoa ziccif "
        "zicclsm ziccrse zicntr zicond zihintntl zihintpause zihpm zimop zkt"
    ),
    "rvi20u64": "i",
    "sdext": "",
    "sdtrig": "",
    "sha": "h shcounterenw shgatpa shtvala shvsatpa shvstvala shvstvecd ssstateen",
    "shcounterenw": "",
    "shgatpa": "",
    "shlcofideleg": "",
    "shtvala": "",
    "shvsatpa": "",
    "shvstvala": "",
    "shvstvecd": "",
    "smaia": "",
    "smcdeleg": "",
    "smcntrpmf": "",
    "smcsrind": "",
    "smctr": "sscsrind",
    "smdbltrp": "zicsr",
    "smepmp": "",
    "smmpm": "",
    "smnpm": "",
    "smrnmi": "",
    "smstateen": "",
    "ssaia": "",
    "ssccfg": "",
    "ssccptr": "",
    "sscofpmf": "",
    "sscounterenw": "",
    "sscsrind": "",
    "ssctr": "sscsrind",
    "ssdbltrp": "zicsr",
    "ssnpm": "",
    "sspm": "",
    "ssqosid": "",
    "ssstateen": "",
    "ssstrict": "",
    "sstc": "",
    "sstvala": "",
    "sstvecd": "",
    "ssu64xl": "",
    "supm": "",
    "svade": "",
    "svadu": "",
    "svbare": "",
    "svinval": "",
    "svnapot": "",
    "svpbmt": "",
    "svvptc": "",
    "v": "zve64d zvl128b",
    "xandesbfhcvt": "f",
    "xandesperf": "",
    "xandesvbfhcvt": "zve32f",
    "xandesvdot": "zve32x",
    "xandesvpackfph": "f",
    "xandesvsinth": "zve32x",
    "xandesvsintload": "zve32x",
    "xcvalu": "",
    "xcvbi": "",
    "xcvbitmanip": "",
    "xcvelw": "",
    "xcvmac": "",
    "xcvmem": "",
    "xcvsimd": "",
    "xmipscbop": "",
    "xmipscmov": "",
    "xmipsexectl": "",
    "xmipslsp": "",
    "xqccmp": "zca",
    "xsfcease": "",
    "xsfmm128t": "xsfmmbase zvl512b",
    "xsfmm16t": "xsfmmbase zvl64b",
    "xsfmm32a16f": "xsfmmbase zve32f",
    "xsfmm32a32f": "xsfmmbase zve32f",
    "xsfmm32a8f": "xsfmmbase zve32f",
    "xsfmm32a8i": "xsfmmbase",
    "xsfmm32t": "xsfmmbase zvl128b",
    "xsfmm64a64f": "xsfmmbase zve64d",
    "xsfmm64t": "xsfmmbase zvl256b",
    "xsfmmbase": "zve32x",
    "xsfvcp": "zve32x",
    "xsfvfbfexp16e": "",
    "xsfvfexp16e": "zvfh",
    "xsfvfexp32e": "zve32f",
    "xsfvfexpa": "zve32f",
    "xsfvfexpa64e": "xsfvfexpa zve64d",
    "xsfvfnrclipxfqf": "zve32f",
    "xsfvfwmaccqqq": "zvfbfmin zvl128b",
    "xsfvqmaccdod": "zve32x zvl128b",
    "xsfvqmaccqoq": "zve32x zvl256b",
    "xsifivecdiscarddlone": "",
    "xsifivecflushdlone": "",
    "xsmtvdot": "zve32f",
    "xtheadba": "",
    "xtheadbb": "",
    "xtheadbs": "",
    "xtheadcmo": "",
    "xtheadcondmov": "",
    "xtheadfmemidx": "",
    "xtheadmac": "",
    "xtheadmemidx": "",
    "xtheadmempair": "",
    "xtheadsync": "",
    "xtheadvdot": "v",
    "xventanacondops": "",
    "za128rs": "",
    "za64rs": "",
    "zaamo": "",
    "zabha": "zaamo",
    "zacas": "zaamo",
    "zalasr": "",
    "zalrsc": "",
    "zama16b": "",
    "zawrs": "",
    "zba": "",
    "zbb": "",
    "zbc": "",
    "zbkb": "",
    "zbkc": "",
    "zbkx": "",
    "zbs": "",
    "zca": "",
    "zcb": "zca",
    "zcd": "d zca",
    "zce": "zcb zcmp zcmt",
    "zcmop": "zca",
    "zcmp": "zca",
    "zcmt": "zca zicsr",
    "zdinx": "zfinx",
    "zfa": "f",
    "zfbfmin": "f",
    "zfh": "zfhmin",
    "zfhmin": "f",
    "zfinx": "zicsr",
    "zhinx": "zhinxmin",
    "zhinxmin": "zfinx",
    "zic64b": "",
    "zicbom": "",
    "zicbop": "",
    "zicboz": "",
    "ziccamoa": "",
    "ziccamoc": "",
    "ziccif": "",
    "zicclsm": "",
    "ziccrse": "",
    "zicntr": "zicsr",
    "zicond": "",
    "zicsr": "",
    "zifencei": "",
    "zihintntl": "",
    "zihintpause": "",
    "zihpm": "zicsr",
    "zimop": "",
    "zk": "zkn zkr zkt",
    "zkn": "zbkb zbkc zbkx zknd zkne zknh",
    "zknd": "",
    "zkne": "",
    "zknh": "",
    "zkr": "",
    "zks": "zbkb zbkc zbkx zksed zksh",
    "zksed": "",
    "zksh": "",
    "zkt": "",
    "zmmul": "",
    "ztso": "",
    "zvbb": "zvkb",
    "zvbc": "zve64x",
    "zve32f": "f zve32x",
    "zve32x": "zicsr zvl32b",
    "zve64d": "d zve64f",
    "zve64f": "zve32f zve64x",
    "zve64x": "zve32x zvl64b",
    "zvfbfmin": "zve32f",
    "zvfbfwma": "zfbfmin zvfbfmin",
    "zvfh": "zfhmin zvfhmin",
    "zvfhmin": "zve32f",
    "zvkb": "zve32x",
    "zvkg": "zve32x",
    "zvkn": "zvkb zvkned zvknhb zvkt",
    "zvknc": "zvbc zvkn",
    "zvkned": "zve32x",
    "zvkng": "zvkg zvkn",
    "zvknha": "zve32x",
    "zvknhb": "zve64x",
    "zvks": "zvkb zvksed zvksh zvkt",
    "zvksc": "zvbc zvks",
    "zvksed": "zve32x",
    "zvksg": "zvkg zvks",
    "zvksh": "zve32x",
    "zvkt": "",
    "zvl1024b": "zvl512b",
    "zvl128b": "zvl64b",
    "zvl16384b": "zvl8192b",
    "zvl2048b": "zvl1024b",
    "zvl256b": "zvl128b",
    "zvl32768b": "zvl16384b",
    "zvl32b": "",
    "zvl4096b": "zvl2048b",
    "zvl512b": "zvl256b",
    "zvl64b": "zvl32b",
    "zvl65536b": "zvl32768b",
    "zvl8192b": "zvl4096b",
}

NEUTRAL = """
add-load-fusion addi-load-fusion andes45 auipc-addi-fusion auipc-load-fusion bfext-fusion
conditional-cmv-fusion disable-latency-sched-heuristic disable-misched-load-clustering
disable-misched-store-clustering disable-postmisched-load-clustering
disable-postmisched-store-clustering dlen-factor-2 enable-vsetvli-sched-heuristic exact-asm
experimental forced-atomics ld-add-fusion log-vrgather lui-addi-fusion lui-load-fusion mips-p8700
no-default-unroll no-sink-splat-operands no-trailing-seq-cst-fence optimized-nf2-segment-load-store
optimized-nf3-segment-load-store optimized-nf4-segment-load-store optimized-nf5-segment-load-store
optimized-nf6-segment-load-store optimized-nf7-segment-load-store optimized-nf8-segment-load-store
optimized-zero-stride-load permissive-zalrsc predictable-select-expensive
prefer-vsetvli-over-read-vlenb prefer-w-inst relax reserve-x1 reserve-x10 reserve-x11 reserve-x12
reserve-x13 reserve-x14 reserve-x15 reserve-x16 reserve-x17 reserve-x18 reserve-x19 reserve-x2
reserve-x20 reserve-x21 reserve-x22 reserve-x23 reserve-x24 reserve-x25 reserve-x26 reserve-x27
reserve-x28 reserve-x29 reserve-x3 reserve-x30 reserve-x31 reserve-x4 reserve-x5 reserve-x6
reserve-x7 reserve-x8 reserve-x9 save-restore shifted-zextw-fusion short-forward-branch-ialu
short-forward-branch-iload short-forward-branch-iminmax short-forward-branch-imul shxadd-load-fusion
sifive7 single-element-vec-fp64 tagged-globals unaligned-scalar-mem unaligned-vector-mem
use-postra-scheduler ventana-veyron vl-dependent-latency vxrm-pipeline-flush zexth-fusion
zextw-fusion
"""
