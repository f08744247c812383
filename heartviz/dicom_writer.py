"""A drawn film as a DICOM file that says, in every tag that can, that it is drawn."""

import io

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

DRAWN = "DRAWN^NOT A PATIENT"
COMMENT = "Computed from drawn anatomy by heartviz: no patient was filmed. Research and teaching only."
# Orientation of the picture's rows and columns: towards the patient's left and feet, or the back and feet.
_VIEWS = {"pa": ("PA", ["L", "F"]), "ap": ("AP", ["L", "F"]), "lateral": ("LL", ["P", "F"])}


def write_drawn_dicom(
    pixels: NDArray[np.float32],
    view: str,
    pixel_mm: float,
    name: str,
    age_years: float,
    sex: str,
    lettered: bool,
    patient: str,
) -> bytes:
    """DICOM bytes (16 bit, MONOCHROME2, uncompressed) of gray values (H, W) in 0..1; the same for the same arguments.

    `name` identifies the film and `patient` the drawn patient, whose films share study and patient; `lettered` says
    that a side's letter is burnt in.
    """
    position, orientation = _VIEWS[view]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=["heartviz film", name])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["heartviz study", patient])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["heartviz series", name])
    dataset.PatientName, dataset.PatientID = DRAWN, patient
    dataset.PatientSex, dataset.PatientAge = sex[:1].upper(), _age(age_years)
    dataset.PatientBirthDate = dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = ""
    dataset.ReferringPhysicianName = dataset.StudyID = ""
    dataset.Modality, dataset.ConversionType, dataset.ContentQualification = "DX", "SYN", "RESEARCH"
    dataset.ImageType = ["DERIVED", "SECONDARY", "", "SIMULATION"]
    dataset.Manufacturer, dataset.SeriesDescription = "heartviz (simulation)", "Drawn chest film, not a patient"
    dataset.ImageComments, dataset.DerivationDescription = COMMENT, COMMENT
    dataset.BodyPartExamined, dataset.ViewPosition, dataset.PatientOrientation = "CHEST", position, orientation
    dataset.BurnedInAnnotation = "YES" if lettered else "NO"
    dataset.PresentationIntentType, dataset.PixelIntensityRelationship = "FOR PRESENTATION", "LOG"
    dataset.PixelIntensityRelationshipSign, dataset.PresentationLUTShape = -1, "IDENTITY"
    dataset.ImagerPixelSpacing = [round(pixel_mm, 4)] * 2
    dataset.InstanceNumber, dataset.SeriesNumber = 1, 1
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
    dataset.WindowCenter, dataset.WindowWidth = 32768, 65536
    dataset.LossyImageCompression = "00"
    dataset.PixelData = np.round(np.clip(pixels, 0, 1) * 65535).astype("<u2").tobytes()
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _age(years: float) -> str:
    """DICOM's age string: months under two years."""
    return f"{round(12 * years):03d}M" if years < 2 else f"{int(years):03d}Y"
