"""Photos as cameras make them, and what is left of one: photos.py make FOLDER,
photos.py look PHOTO STORED."""

import sys
from pathlib import Path

from PIL import Image, ImageCms, PngImagePlugin

ORIENTATION, MAKER, PLACE = 0x0112, 0x010F, 0x8825


def photo():
    image = Image.new("RGB", (64, 48))
    image.putdata([(x * 4, y * 5, x * y % 256) for y in range(48) for x in range(64)])
    return image


def exif():
    exif = Image.Exif()
    exif[MAKER] = "SECRET camera"
    exif[ORIENTATION] = 6
    exif.get_ifd(PLACE)[2] = (54.0, 30.0, 15.0)
    return exif


def make(folder):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = {"exif": exif(), "icc_profile": icc}
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "SECRET")
    photo().save(folder / "photo.jpg", comment="SECRET", xmp=b"SECRET", progressive=True, **same)
    photo().save(folder / "photo.png", pnginfo=text, **same)
    photo().save(folder / "photo.webp", xmp=b"SECRET", **same)
    photo().save(folder / "lossless.webp", xmp=b"SECRET", lossless=True, **same)
    # As cameras do it: a preview behind the photo.
    with open(folder / "photo.jpg", "ab") as file:
        file.write((folder / "photo.jpg").read_bytes())


def look(photo, stored):
    assert b"SECRET" in photo.read_bytes() and b"SECRET" not in stored.read_bytes()
    with Image.open(photo) as before, Image.open(stored) as after:
        assert (before.format, before.size) == (after.format, after.size)
        assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()
        assert before.info["icc_profile"] == after.info["icc_profile"]
        assert dict(after.getexif()) == {ORIENTATION: 6}, dict(after.getexif())
        left = set(after.info) - {"exif", "icc_profile", "loop", "background", "timestamp", "duration"}
        assert left <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression",
                        "adobe", "adobe_transform", "dpi"}, left


if sys.argv[1] == "make":
    make(Path(sys.argv[2]))
else:
    look(Path(sys.argv[2]), Path(sys.argv[3]))
