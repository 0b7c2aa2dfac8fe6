"""Names that a network's function, or a macro of its header, cannot have in C because they are taken.

A program that includes the header may include any header of the standard library, and compilers know the library's
functions even without one.
"""

from __future__ import annotations

import re

# C99, 6.4.1; C23, 6.4.2; C++11, 2.12; C++20, 5.11. Lists with quotes and commas would be harder to check against those
# of the standards.
_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while main
alignas alignof and and_eq asm bitand bitor bool catch char8_t char16_t char32_t class co_await co_return co_yield compl
concept const_cast consteval constexpr constinit decltype delete dynamic_cast explicit export false friend mutable
namespace new noexcept not not_eq nullptr operator or or_eq private protected public reinterpret_cast requires
static_assert static_cast template this thread_local throw true try typeid typename typeof typeof_unqual using virtual
wchar_t xor xor_eq
"""
# C99, 7.12, each also with the suffixes f and l; those that gcc knows besides (Other Built-in Functions).
_MATH = """
acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp10 exp2 expm1 fabs fdim floor fma
fmax fmin fmod frexp hypot ilogb ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf nan nearbyint
nextafter nexttoward pow pow10 remainder remquo rint round roundeven scalb scalbln scalbn sin sincos sinh sqrt tan tanh
tgamma trunc drem finite gamma j0 j1 jn significand y0 y1 yn isinf isnan cabs cacos cacosh carg casin casinh catan
catanh ccos ccosh cexp cimag clog conj cpow cproj creal csin csinh csqrt ctan ctanh
"""
# C99, 7.2 to 7.25: functions, types and objects of the library; POSIX's and gcc's built-in ones with ordinary names.
_LIBRARY = """
FILE DIR abort abs access alarm aligned_alloc alloca asctime assert at_quick_exit atexit atof atoi atol atoll basename
bcmp bcopy bsearch btowc bzero calloc call_once chdir chmod chown clearerr clock close complex connect creat ctime
daylight difftime div div_t dirname dup environ errno execl execv exit fclose feclearexcept feof ferror fflush fgetc
fgetpos fgets fgetwc fgetws ffs ffsl ffsll fileno fopen fork fpclassify fpos_t fprintf fputc fputs fputwc fputws fread
free freopen fscanf fseek fsetpos ftell fwide fwprintf fwrite fwscanf getc getchar getcwd getenv getopt getpid gets
gettext getwc getwchar gmtime imaginary imaxabs imaxdiv index ioctl isalnum isalpha isascii isatty isblank iscntrl
isdigit isfinite isgraph isgreater isless islower isnormal isprint ispunct isspace isupper iswalnum iswalpha iswdigit
isxdigit jmp_buf kill labs ldiv ldiv_t link listen llabs lldiv lldiv_t localeconv localtime longjmp lseek malloc mblen
mbrlen mbrtowc mbsinit mbstowcs mbtowc mempcpy memalign memchr memcmp memcpy memmove memset mkdir mktime noreturn
offsetof open optarg optind pause perror pipe poll printf ptrdiff_t putc putchar putenv puts putwc putwchar qsort
quick_exit raise rand random read realloc recv remove rename rewind rindex rmdir scanf select send setbuf setjmp
setlocale setvbuf sig_atomic_t sigaction signal signbit signgam size_t sleep snprintf socket sprintf srand srandom
sscanf ssize_t stat stderr stdin stdout stpcpy stpncpy strcasecmp strcat strchr strcmp strcoll strcpy strcspn strdup
strerror strfmon strftime strlen strncasecmp strncat strncmp strncpy strndup strnlen strpbrk strrchr strspn strstr
strtod strtof strtok strtol strtold strtoll strtoul strtoull strxfrm swab swprintf symlink sync system time time_t
timezone tm tmpfile tmpnam toascii tolower toupper towlower towupper truncate tzname umask uname ungetc ungetwc unlink
unsetenv usleep va_arg va_copy va_end va_list va_start vfprintf vprintf vscanf vsnprintf vsprintf vsscanf wait wcscat
wcschr wcscmp wcscpy wcslen wcsncat wcsncmp wcsncpy wcstombs wctomb wint_t wmemcmp wmemcpy wmemset wprintf write wscanf
"""
# Macros with ordinary names: of the library, of compilers for some systems, of Arduino and of Windows.
_MACROS = """
BUFSIZ EDOM EILSEQ EOF ERANGE FALSE FILENAME_MAX FOPEN_MAX HUGE_VAL HUGE_VALF HUGE_VALL I INFINITY L_tmpnam NAN NDEBUG
NULL SIG_DFL SIG_ERR SIG_IGN TMP_MAX TRUE WEOF arm constrain far hyper i386 interface linux max min mips near radians
degrees small sparc sun unix vax
"""
# Glow's interface, the firmware that runs a bundle here, and deployed projects.
_OURS = """
BundleConfig SymbolTableEntry GLOW_SUCCESS GLOW_MEM_ALIGN GLOW_GET_ADDR GLOW_TCM_ADDR_DECLARED glow_tcm_addr glow
Reset_Handler SysTick_Handler Unexpected_Handler SystemInit constantWeight mutableWeight activations vectors
flash_config top_class thousandths fingerprint print_time print_text print_number print_hex print_thousandths
start_console start_timer stop timer_cycles sample_fingerprint sample_label stack_top stack_bytes data_image data_start
data_end bss_start bss_end SAMPLES SAMPLES_H CONSOLE_H TIMER_H CLOCK_HZ init_timer get_time_in_us PRINTF
SystemCoreClock SysTick_Config SysTick print_milliseconds class_name
"""
_MATH_NAMES = {name + suffix for name in _MATH.split() for suffix in ("", "f", "l")}
_WORDS = frozenset(" ".join((_KEYWORDS, _LIBRARY, _MACROS, _OURS)).split()) | _MATH_NAMES
# What stdint.h and inttypes.h define: types, their limits, and macros that begin like them.
_INTEGER = r"u?int(_least|_fast)?(8|16|32|64|max|ptr)?(_t)?"
_FAMILIES = re.compile(
    rf"(?i:{_INTEGER}|{_INTEGER}_(max|min|c|width)|tg|glow)|[tT][gG]_\w*|(?i:tinyglow)_\w*"
    r"|(PTRDIFF|SIG_ATOMIC|SIZE|WCHAR|WINT|CHAR|SCHAR|UCHAR|SHRT|USHRT|UINT|LONG|ULONG|LLONG|ULLONG|BOOL|MB_LEN|RAND"
    r"|PATH|NAME|TIME)_(MAX|MIN|WIDTH|UTC)|CHAR_BIT|(FLT|DBL|LDBL)_[A-Z0-9_]+|DECIMAL_DIG|EXIT_(SUCCESS|FAILURE)"
    r"|SEEK_(SET|CUR|END)|LC_(ALL|COLLATE|CTYPE|MONETARY|NUMERIC|TIME)|CLOCKS_PER_SEC|MATH_ERR(NO|EXCEPT)"
    r"|F[EP]_[A-Z_]+|(PRI|SCN)[diouxX](LEAST|FAST)?(8|16|32|64|MAX|PTR)|SIG(_DFL|_ERR|_IGN|ABRT|FPE|ILL|INT|SEGV|TERM)"
    r"|M_(E|LOG2E|LOG10E|LN2|LN10|PI|PI_2|PI_4|1_PI|2_PI|2_SQRTPI|SQRT2|SQRT1_2)|ATOMIC_[A-Z_]+|O_[A-Z]+"
)


def is_taken(name: str) -> bool:
    """Whether C, its library, Glow or another tool already uses that name."""
    return name in _WORDS or _FAMILIES.fullmatch(name) is not None
