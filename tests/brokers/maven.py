"""What tests take from Maven's repository, into .cache: the jars that a pom names, and classes compiled against them. Made again when the pom or a source changes."""
import hashlib
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
TRIES = 3
SECONDS_MAX = 600


def needed():
    """What is missing to run Java programs; empty: nothing."""
    missing = [program for program in ("java", "mvn") if not shutil.which(program)]
    return f"there is no {' and no '.join(missing)} here; install Debian's default-jdk-headless and maven" if missing else ""


def mark_of(*files):
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def run_maven(pom, *words):
    """A registry that stumbles is asked again."""
    if problem := needed():
        raise RuntimeError(problem)
    for _ in range(TRIES):
        done = subprocess.run(["mvn", "-B", "-q", "-f", pom, *map(str, words)], capture_output=True, text=True, timeout=SECONDS_MAX)
        if done.returncode == 0:
            return
    raise RuntimeError(f"Maven failed for {pom.relative_to(ROOT)}:\n{(done.stdout + done.stderr).strip()[-2000:]}")


def jars(pom):
    """The folder with the jars that `pom` needs at run time."""
    folder = CACHE / "maven" / f"{pom.stem}-{mark_of(pom)[:12]}"
    done = folder / "complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        run_maven(pom, "dependency:copy-dependencies", f"-DoutputDirectory={folder}")
        done.touch()
    return folder


def classes(project):
    """The class path of the Java program in the folder `project`: its classes and its jars."""
    sources = sorted((project / "src").rglob("*.java"))
    libraries = jars(project / "pom.xml")
    folder = CACHE / "maven" / f"{project.name}-classes-{mark_of(project / 'pom.xml', *sources)[:12]}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done = subprocess.run(["javac", "--release", "17", "-Xlint:all,-processing,-classfile,-serial", "-proc:none", "-cp", f"{libraries}/*", "-d", folder, *sources],
                              capture_output=True, text=True, timeout=SECONDS_MAX)
        if done.returncode:
            raise RuntimeError(f"{project.relative_to(ROOT)} does not compile:\n{done.stderr[-4000:]}")
        (folder / "complete").touch()
    return f"{folder}:{libraries}/*"
