# -*- coding: utf-8 -*-
"""Start the course: look at this machine, make what is missing, run a session of the noxfile.

python3 start.py                        open the chapter, in the language of your system
python3 start.py zh                     open it in Chinese; en: in English
python3 start.py test                   run the tests
python3 start.py SESSION [ARGUMENT ...] run any other session; -l lists them

It needs nothing but Python's standard library, and installs into the folder .nox: beside this file,
or in the folder that MOMENTUM_LAB_ENVS names. The course runs on Python 3.11 where that is
there, else on the Python that runs this file (3.10 to 3.14).
"""
# Python 3.6, and what came before it, must understand this file, to be told that it is too old:
# so there are no f-strings, no annotations, and nothing else that is newer than that.

import locale
import os
import platform
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
NOX = "nox[uv]==2026.10.20"
OLDEST, NEWEST = (3, 10), (3, 14)  # that the course runs on
PYTHONS = ["python3.%d" % minor for minor in (11, 12, 13, 14, 10)]  # in the order of preference
# What a session's environment takes, and nox's, with a margin; the others have more packages.
MEGABYTES = {"nox": 150, "lab": 900, "restart": 900, "grade": 900, "deep": 0}
OTHERS = 1500
STAMP = "momentum-lab.txt"  # in nox's environment, once it is complete: what it is, and where

WORDS = {
    "en": {
        "windows": "MXNet 1.9.1 has no package for Windows: install WSL2 (as administrator, "
        "`wsl --install`) and do in it what README.md says for Ubuntu, or use the course in a "
        "browser or a container ({help}).",
        "apple": "MXNet 1.9.1 has no pip package for Apple silicon, and the 1.6.0 that pip would "
        "take instead does not run there: use the course in a browser, in a container, or with "
        "Anaconda's MXNet ({help}).",
        "musl": "MXNet 1.9.1 needs glibc, and this system has another C library (musl, as Alpine): "
        "use a container with Debian or Ubuntu, or the course in a browser ({help}).",
        "openblas": "On Arm processors MXNet 1.9.1 needs OpenBLAS and LAPACKE: install them (Debian, "
        "Ubuntu: `sudo apt-get install libopenblas0-pthread liblapacke`) and run this command again.",
        "bits": "MXNet 1.9.1 needs a 64-bit Python, and this one has 32 bits: install a 64-bit one, "
        "or use the course in a browser ({help}).",
        "machine": "MXNet 1.9.1 has no package for {system} on {machine}: use the course in a "
        "browser, or in a container for linux/amd64 ({help}).",
        "version": "The course needs Python {oldest} to {newest}, and this is {version}: install one of "
        "these beside it (from the system's packages, or with conda), or use a container or a "
        "browser ({help}).",
        "venv": "Python's module venv is missing: install it (Debian, Ubuntu: `sudo apt-get install "
        "python3-venv`) and run this command again.",
        "locked": "The folder {folder} cannot be written ({problem}): clone the course into a folder "
        "of your own, or name another one in the variable MOMENTUM_LAB_ENVS.",
        "space": "There is too little space on the disk of {folder}: {needed} MB are needed, {free} "
        "MB are free; make room, name a folder on another disk in the variable MOMENTUM_LAB_ENVS, "
        "or use the course in a browser ({help}).",
        "full": "The disk became full while packages were being installed: make room and run this "
        "command again, or use the course in a browser ({help}).",
        "network": "The package index cannot be reached: look at the network, or name a mirror in "
        "PIP_INDEX_URL and UV_DEFAULT_INDEX; README.md, “Without a network”, says how to do without.",
        "interpreter": "This session needs Python {python}, which is not on this machine: install it, "
        "or use conda or a container ({help}).",
        "failed": "The packages could not be installed; what is printed above says why.",
        "unknown": "{name} is no session of the noxfile: `python3 start.py -l` lists them.",
        "interrupted": "Interrupted; what was half installed is removed.",
        "nox": "Installing nox into {folder} ...",
        "packages": "Installing the packages into {folder}; the first time, this takes minutes ...",
        "help": "README.md, “Where it runs”",
    },
    "zh": {
        "windows": "MXNet 1.9.1 没有 Windows 的安装包：请安装 WSL2（以管理员身份运行 "
        "`wsl --install`），在里面按 README.zh.md 中 Ubuntu 的步骤操作；也可以用浏览器或容器（{help}）。",
        "apple": "MXNet 1.9.1 没有适用于 Apple 芯片的 pip 安装包，pip 会改装的 1.6.0 在上面无法运行："
        "请用浏览器、容器，或者 Anaconda 提供的 MXNet（{help}）。",
        "musl": "MXNet 1.9.1 需要 glibc，而这个系统用的是别的 C 库（musl，例如 Alpine）："
        "请用 Debian 或 Ubuntu 的容器，或者用浏览器（{help}）。",
        "openblas": "在 Arm 处理器上，MXNet 1.9.1 需要 OpenBLAS 和 LAPACKE：请先安装（Debian、Ubuntu："
        "`sudo apt-get install libopenblas0-pthread liblapacke`），再运行一次这条命令。",
        "bits": "MXNet 1.9.1 需要 64 位的 Python，而这个 Python 是 32 位的：请安装 64 位的，"
        "或者用浏览器（{help}）。",
        "machine": "MXNet 1.9.1 没有适用于 {system} {machine} 的安装包：请用浏览器，"
        "或者 linux/amd64 的容器（{help}）。",
        "version": "本课程需要 Python {oldest} 至 {newest}，而这里是 {version}：请另装一个合适的 Python"
        "（用系统的软件包或 conda），或者用容器、浏览器（{help}）。",
        "venv": "缺少 Python 的 venv 模块：请先安装（Debian、Ubuntu：`sudo apt-get install "
        "python3-venv`），再运行一次这条命令。",
        "locked": "文件夹 {folder} 无法写入（{problem}）：请把课程克隆到自己的文件夹里，"
        "或者用环境变量 MOMENTUM_LAB_ENVS 指定别的文件夹。",
        "space": "{folder} 所在的磁盘空间不足：需要 {needed} MB，只剩 {free} MB；请腾出空间，"
        "或者用环境变量 MOMENTUM_LAB_ENVS 指定另一块磁盘上的文件夹，也可以用浏览器（{help}）。",
        "full": "安装软件包时磁盘满了：请腾出空间，再运行一次这条命令，也可以用浏览器（{help}）。",
        "network": "连不上软件包索引：请检查网络，或者用 PIP_INDEX_URL 和 UV_DEFAULT_INDEX "
        "指定镜像；始终不能联网的话，见 README.zh.md 的“没有网络”。",
        "interpreter": "这一步需要 Python {python}，而这台机器上没有：请先安装，"
        "或者用 conda、容器（{help}）。",
        "failed": "软件包没有装成，原因见上面的输出。",
        "unknown": "没有名为 {name} 的会话：`python3 start.py -l` 会列出所有会话。",
        "interrupted": "已中断，装了一半的东西已经删除。",
        "nox": "正在把 nox 装进 {folder} ……",
        "packages": "正在把软件包装进 {folder}，第一次需要几分钟 ……",
        "help": "见 README.zh.md 的“在哪里能运行”",
    },
}


class StartError(Exception):
    """What keeps the course from starting: a key of WORDS, and what its sentence names."""

    def __init__(self, key, **values):
        super().__init__(key)
        self.key, self.values = key, values


def language(arguments=()):
    """Give the language that the arguments name, else the one that the system speaks."""
    for word in arguments[:2]:
        found = re.match(r"(?:.*/)?(zh|en)(?:-solutions)?(?:/|$)", word)
        if found:
            return found.group(1)
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    if platform.system() == "Windows":
        try:
            import ctypes

            number = ctypes.windll.kernel32.GetUserDefaultUILanguage()
            return "zh" if locale.windows_locale[number].startswith("zh") else "en"
        except (AttributeError, ImportError, KeyError):
            pass
    return "en"


def sentence(key, spoken, **values):
    """Give a sentence, in English where the terminal cannot show Chinese."""
    for one in (spoken, "en"):
        words = WORDS[one]
        said = words[key].format(help=words["help"], **values)
        try:
            said.encode(sys.stderr.encoding or "ascii")
        except (LookupError, UnicodeEncodeError):
            continue
        return said
    return said


def say(key, spoken, **values):
    """Print a sentence where it does not mix with what a session prints."""
    sys.stderr.write(sentence(key, spoken, **values) + "\n")
    sys.stderr.flush()


def glibc():
    """Tell whether this Linux has the C library that MXNet's package was built for."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):  # other C libraries do not know this name
        return False


def loads(*names):
    """Tell whether the system has all of these libraries."""
    import ctypes

    try:
        for name in names:
            ctypes.CDLL(name)
    except OSError:
        return False
    return True


def look_at_platform():
    """Stop where MXNet 1.9.1 has no package, before pip finds another version or none."""
    system, machine = platform.system(), platform.machine()
    if system == "Windows":
        raise StartError("windows")
    if (system, machine) == ("Darwin", "arm64"):
        raise StartError("apple")
    if (system, machine) not in (
        ("Linux", "x86_64"),
        ("Linux", "aarch64"),
        ("Darwin", "x86_64"),
    ):
        raise StartError("machine", system=system, machine=machine)
    if sys.maxsize < 2**32:
        raise StartError("bits")
    if system == "Linux" and not glibc():
        raise StartError("musl")
    # tools/mxnet_arm.py lets the first two stand in for the last, which is Arm's own.
    if (system, machine) == ("Linux", "aarch64") and not (
        loads("libopenblas.so.0", "liblapacke.so.3") or loads("libarmpl_lp64_mp.so")
    ):
        raise StartError("openblas")


def find_python():
    """Give a Python that can run nox and the course: this one, else one on the path."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return sys.executable
    for name in PYTHONS:
        path = shutil.which(name)
        # pyenv has a command for each version, and refuses those that are not switched on.
        if path and subprocess.call([path, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            return path
    oldest, newest = "%d.%d" % OLDEST, "%d.%d" % NEWEST
    raise StartError("version", oldest=oldest, newest=newest, version=platform.python_version())


def look_at_venv(python):
    """Stop where Python comes without what makes an environment (Debian: another package)."""
    command = [python, "-c", "import venv, ensurepip"]
    if subprocess.call(command, stderr=subprocess.DEVNULL) != 0:
        raise StartError("venv")


def look_at_folder(envs, session):
    """Stop where the environment of a session, not yet there, cannot be written or is too big."""
    there = envs
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    if not os.access(there, os.W_OK):
        raise StartError("locked", folder=there, problem=os.strerror(13))
    if not os.path.isdir(os.path.join(envs, session)):
        needed = MEGABYTES.get(session, OTHERS)
        free = shutil.disk_usage(there).free // 10**6
        if free < needed:
            raise StartError("space", folder=there, needed=needed, free=free)


def classify(printed):
    """Give the key of the sentence for an installation that failed, from what it printed."""
    if re.search(r"no space left|os error 28|disk quota exceeded", printed, re.IGNORECASE):
        return "full"
    if re.search(r"Python interpreter \S+ not found|No interpreter found", printed):
        return "interpreter"
    signs = (
        r"error sending request|failed to fetch|name resolution|connection (broken|error|refused)|"
        r"NewConnectionError|ConnectTimeout|Max retries|ProxyError|unreachable|timed out|"
        r"dns error|Could not find a version that satisfies|No matching distribution"
    )
    return "network" if re.search(signs, printed, re.IGNORECASE) else "failed"


def run(command, env, quiet=False):
    """Run a command; give its exit code and what it printed, which is shown unless quiet."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    printed = []
    try:
        for line in process.stdout:
            line = line.decode("utf-8", "replace")
            printed.append(line)
            if not quiet and "--install-only" not in line:  # nox names what it leaves out
                sys.stderr.write(line)
                sys.stderr.flush()
        return process.wait(), "".join(printed)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def inside(envs):
    """Give the Python of nox's environment."""
    return os.path.join(envs, "nox", "bin", "python")


def share_index(env, python=None):
    """Let uv use the index that pip uses, and the other way round: each reads its own settings."""
    index = env.get("PIP_INDEX_URL") or env.get("UV_DEFAULT_INDEX")
    if not index and python:
        _, printed = run([python, "-m", "pip", "config", "list"], env, quiet=True)
        found = re.search(r"^(?:global|install)\.index-url='([^']+)'", printed, re.MULTILINE)
        index = found and found.group(1)
    if index:
        for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
            env[name] = env.get(name) or index


def remove(folder):
    """Remove an environment, and nothing that is none."""
    if os.path.isfile(os.path.join(folder, "pyvenv.cfg")):
        shutil.rmtree(folder, ignore_errors=True)


def make_nox(python, envs, env, spoken):
    """Make the environment that nox runs in, unless it is there; leave no part of one."""
    folder = os.path.join(envs, "nox")
    stamp = os.path.join(folder, STAMP)
    wanted = "{}\n{}\n".format(NOX, envs)
    if os.path.isfile(stamp) and os.path.exists(inside(envs)):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == wanted:
                return
    say("nox", spoken, folder=folder)
    complete = False
    try:
        remove(folder)
        code, printed = run([python, "-m", "venv", folder], env, quiet=True)
        if code == 0:
            pip = [inside(envs), "-m", "pip", "install", "-q", "--disable-pip-version-check", NOX]
            code, printed = run(pip, env, quiet=True)
        if code != 0:
            key = classify(printed)
            if key == "failed" and shutil.disk_usage(envs).free < 50 * 10**6:
                key = "full"  # venv does not say why pip could not be unpacked
            if key == "failed":
                sys.stderr.write(printed)
            raise StartError(key)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(wanted)
        complete = True
    finally:
        if not complete:
            remove(folder)
            if os.path.isdir(envs) and not os.listdir(envs):
                os.rmdir(envs)


def forget_moved(envs):
    """Remove environments that were made in another place: their commands point there."""
    stamp = os.path.join(envs, "nox", STAMP)
    if os.path.isfile(stamp):
        with open(stamp, encoding="utf-8") as file:
            moved = file.read().splitlines()[1:] != [envs]
        for name in os.listdir(envs) if moved else ():
            remove(os.path.join(envs, name))


def install(nox, session, envs, env, spoken):
    """Let nox install what a session needs; where that fails, leave no part of it."""
    before = set(os.listdir(envs))
    if session not in before:
        say("packages", spoken, folder=envs)
    complete = False
    try:
        command = nox + ["--install-only", "--error-on-missing-interpreters", "-s", session]
        code, printed = run(command, env)
        if "Sessions not found" in printed:
            raise StartError("unknown", name=session)
        if code != 0:
            found = re.search(r"Python interpreter (\S+) not found", printed)
            raise StartError(classify(printed), python=found.group(1) if found else "3.11")
        complete = True
    finally:
        if not complete:
            for name in set(os.listdir(envs)) - before:
                remove(os.path.join(envs, name))


def in_full(arguments, spoken):
    """Give the session and its arguments, with what the reader's language adds to them."""
    if not arguments or arguments[0] in WORDS or re.match("-(?!l$|-list$)", arguments[0]):
        arguments = ["lab"] + arguments
    session, rest = arguments[0], arguments[1:]
    if rest[:1] == ["--"]:  # as nox has it
        rest = rest[1:]
    if session == "lab":
        if not rest or rest[0].startswith("-"):
            rest = [spoken] + rest
        elif re.match(r"[\w-]+$", rest[0]) and rest[0] not in WORDS:
            rest = [spoken + "/" + rest[0]] + rest[1:]
    return session, rest


def start(arguments, spoken):
    """Run the session that the arguments name; it takes the place of this process."""
    session, rest = in_full(arguments, spoken)
    listing = session in ("-l", "--list")
    envs = os.path.abspath(os.path.join(os.environ.get("MOMENTUM_LAB_ENVS") or ROOT, ".nox"))
    look_at_platform()
    python = find_python()
    look_at_venv(python)
    forget_moved(envs)
    look_at_folder(envs, "nox" if listing else session)
    env = dict(os.environ)
    env.setdefault("PIP_RETRIES", "2")  # without a network, pip would try for minutes
    share_index(env)
    make_nox(python, envs, env, spoken)
    share_index(env, inside(envs))
    nox = [inside(envs), "-m", "nox", "-f", os.path.join(ROOT, "noxfile.py"), "--envdir", envs]
    if listing:
        command = nox + ["-l"]
    else:
        install(nox, session, envs, env, spoken)
        command = nox + ["-R", "-s", session, "--"] + rest
    os.execve(command[0], command, env)


def main(arguments):
    """Start, or say in a sentence what keeps the course from starting."""
    spoken = language(arguments)
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    try:
        start(arguments, spoken)
    except StartError as error:
        say(error.key, spoken, **error.values)
    except KeyboardInterrupt:
        say("interrupted", spoken)
    except OSError as error:
        if error.errno == 28:
            say("full", spoken)
        else:
            say("locked", spoken, folder=error.filename or ROOT, problem=error.strerror)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
